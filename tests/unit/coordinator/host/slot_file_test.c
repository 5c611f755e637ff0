/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of host/slot_file: what comes back, and that damage in any byte is found. */
#include "host/slot_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct slot_record record_make(struct host_blob *blob)
{
    struct slot_record record = {.keep = KEEP_ENDING,
                                 .incarnation = UINT64_C(0xfedcba9876543210),
                                 .pid = 4711,
                                 .start = 123456789012,
                                 .boot = "0b1c2d3e-0000-4000-8000-000000000001",
                                 .restarts = 7};
    record.spec = (struct host_spec){.topology = UINT64_C(0x8000000000000001),
                                     .worker = 3,
                                     .attempt = 2,
                                     .epoch = 9,
                                     .name = "words",
                                     .log = "warn",
                                     .memory_max = 1 << 30,
                                     .open_files_max = 100,
                                     .blobs = blob,
                                     .blobs_count = 1};
    snprintf(blob->hex, sizeof(blob->hex), "%s", HEX);
    blob->size = 99;
    return record;
}

static void slot_record_comes_back_as_it_was(void **state)
{
    (void)state;
    struct host_blob blob;
    struct slot_record in = record_make(&blob);
    struct slot_record out;
    struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(slot_record_encode(&in, &bytes), GALE_OK);
    assert_int_equal(slot_record_decode(bytes.data, bytes.size, &out), GALE_OK);
    assert_true(out.spec.topology == in.spec.topology && out.incarnation == in.incarnation);
    assert_int_equal(out.spec.worker, 3);
    assert_int_equal(out.spec.attempt, 2);
    assert_int_equal(out.spec.epoch, 9);
    assert_string_equal(out.spec.name, "words");
    assert_string_equal(out.spec.log, "warn");
    assert_int_equal(out.spec.memory_max, 1 << 30);
    assert_int_equal(out.spec.open_files_max, 100);
    assert_int_equal(out.spec.blobs_count, 1);
    assert_string_equal(out.spec.blobs[0].hex, HEX);
    assert_int_equal(out.spec.blobs[0].size, 99);
    assert_int_equal(out.keep, KEEP_ENDING);
    assert_int_equal(out.pid, 4711);
    assert_true(out.start == in.start);
    assert_string_equal(out.boot, in.boot);
    assert_int_equal(out.restarts, 7);
    host_spec_fini(&out.spec);
    buf_fini(&bytes);
}

static void slot_record_damage_is_found_in_every_byte(void **state)
{
    (void)state;
    struct host_blob blob;
    struct slot_record in = record_make(&blob);
    struct slot_record out;
    struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(slot_record_encode(&in, &bytes), GALE_OK);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 0x10;
        assert_int_not_equal(slot_record_decode(bytes.data, bytes.size, &out), GALE_OK);
        host_spec_fini(&out.spec);
        bytes.data[i] ^= 0x10;
        assert_int_equal(slot_record_decode(bytes.data, i, &out), GALE_ERR_CORRUPT);
        host_spec_fini(&out.spec);
    }
    buf_fini(&bytes);
}

struct scanned {
    int whole, damaged;
    uint32_t worker;
};

static void on_record(void *self, const char *path, struct slot_record *record)
{
    struct scanned *scanned = self;
    assert_non_null(path);
    scanned->whole += record != NULL;
    scanned->damaged += record == NULL;
    scanned->worker = record ? record->spec.worker : scanned->worker;
}

static void slot_file_torn_is_removed_and_others_are_read(void **state)
{
    (void)state;
    char dir[] = "/tmp/gale-slot-XXXXXX";
    char path[128];
    struct host_blob blob;
    struct slot_record record = record_make(&blob);
    struct gale_error error;
    struct stat info;
    struct scanned scanned = {0};
    assert_non_null(mkdtemp(dir));
    assert_int_equal(slot_file_write(dir, &record, &error), GALE_OK);
    record.spec.worker = 4;
    assert_int_equal(slot_file_write(dir, &record, &error), GALE_OK);
    snprintf(path, sizeof(path), "%s/8000000000000001.3", dir);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(truncate(path, info.st_size - 3), 0);
    snprintf(path, sizeof(path), "%s/.8000000000000001.9", dir); /* never believed */
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(slot_file_scan(dir, on_record, &scanned), GALE_OK);
    assert_int_equal(scanned.whole, 1);
    assert_int_equal(scanned.damaged, 1);
    assert_int_equal(scanned.worker, 4);
    assert_int_equal(access(path, F_OK), -1);
    slot_file_remove(dir, record.spec.topology, 4);
    assert_int_equal(rmdir(dir), 0); /* Nothing is left. */
}

static void slot_file_in_no_directory_is_an_error(void **state)
{
    (void)state;
    struct host_blob blob;
    struct slot_record record = record_make(&blob);
    struct gale_error error = {0};
    struct scanned scanned = {0};
    assert_int_equal(slot_file_write("/nowhere/at/all", &record, &error), GALE_ERR_IO);
    assert_non_null(strstr(error.text, "/nowhere/at/all"));
    assert_int_equal(slot_file_scan("/nowhere/at/all", on_record, &scanned), GALE_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot_record_comes_back_as_it_was),
        cmocka_unit_test(slot_record_damage_is_found_in_every_byte),
        cmocka_unit_test(slot_file_torn_is_removed_and_others_are_read),
        cmocka_unit_test(slot_file_in_no_directory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
