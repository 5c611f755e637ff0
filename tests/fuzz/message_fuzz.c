/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control messages from a hostile peer. What decodes must encode, and that must decode and encode to
 * the same bytes again; every string and list is read to its end.
 */
#include "base/assert.h"
#include "codec/frame.h"
#include "codec/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_bytes(struct message_bytes bytes)
{
    size_t sum = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        sum += bytes.data[i];
    }
    return sum;
}

static size_t read_all(const struct message *message)
{
    size_t sum = 0;
    switch (message->type) {
    case MESSAGE_HELLO: return strlen(message->as.hello.data_endpoint);
    case MESSAGE_ASSIGN:
        sum += strlen(message->as.assign.run_name) + read_bytes(message->as.assign.tree);
        for (uint32_t task = 0; task <= message->as.assign.tasks_count; task++) {
            GALE_ASSERT(message->as.assign.task_worker[task] <
                        message->as.assign.workers_count);
            sum += read_bytes(message->as.assign.positions[task]);
        }
        return sum;
    case MESSAGE_PEERS:
        for (uint32_t i = 0; i < message->as.peers.items_count; i++) {
            GALE_ASSERT(message->as.peers.items[i].worker < MESSAGE_WORKERS_MAX);
            sum += strlen(message->as.peers.items[i].data_endpoint);
        }
        return sum;
    case MESSAGE_BEAT:
        for (uint32_t i = 0; i < message->as.beat.tasks_count; i++) {
            GALE_ASSERT(message->as.beat.tasks[i].task < MESSAGE_TASKS_MAX);
            sum += read_bytes(message->as.beat.tasks[i].execute_ns) +
                   read_bytes(message->as.beat.tasks[i].complete_ns);
        }
        return sum;
    case MESSAGE_OFFSETS:
        for (uint32_t i = 0; i < message->as.offsets.items_count; i++) {
            GALE_ASSERT(message->as.offsets.items[i].task < MESSAGE_TASKS_MAX);
            sum += read_bytes(message->as.offsets.items[i].position);
        }
        return sum;
    case MESSAGE_EVENT: return strlen(message->as.event.text);
    case MESSAGE_LOG_LEVEL: return strlen(message->as.log_level.component);
    case MESSAGE_TAP:
        return strlen(message->as.tap.component) + strlen(message->as.tap.stream) +
               strlen(message->as.tap.filter);
    case MESSAGE_SAMPLE:
        return strlen(message->as.sample.stream) + strlen(message->as.sample.text) +
               read_bytes(message->as.sample.values);
    case MESSAGE_COMMAND:
    case MESSAGE_TOUCHED:
    case MESSAGE_PULSE: return 0;
    }
    GALE_ASSERT(false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message message;
    struct message again;
    struct gale_error error = {.code = GALE_OK};
    if (message_decode(data, size, &message, &error) != GALE_OK) {
        GALE_ASSERT(error.text[0] != '\0' && message.arena == NULL);
        return 0;
    }
    GALE_ASSERT(!frame_is_frame(data, size));
    volatile size_t sum = read_all(&message);
    (void)sum;
    struct buf first;
    struct buf second;
    buf_init(&first, MESSAGE_SIZE_MAX);
    buf_init(&second, MESSAGE_SIZE_MAX);
    GALE_ASSERT(message_encode(&message, &first) == GALE_OK);
    GALE_ASSERT(message_decode(first.data, first.size, &again, NULL) == GALE_OK);
    GALE_ASSERT(message_encode(&again, &second) == GALE_OK);
    GALE_ASSERT(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    message_fini(&again);
    message_fini(&message);
    buf_fini(&first);
    buf_fini(&second);
    return 0;
}
