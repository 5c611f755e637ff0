/* SPDX-License-Identifier: Apache-2.0 */
/* A record of a process from the disk: any bytes are refused or make a whole record. */
#include "host/slot_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slot_record record;
    if (slot_record_decode(data, size, &record) == GALE_OK) {
        struct buf again;
        buf_init(&again, 0);
        if (record.incarnation == 0 || record.pid <= 0 || record.spec.topology == 0 ||
            slot_record_encode(&record, &again) != GALE_OK) {
            abort();
        }
        buf_fini(&again);
    }
    host_spec_fini(&record.spec);
    return 0;
}
