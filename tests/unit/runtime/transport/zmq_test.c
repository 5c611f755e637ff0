/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ZeroMQ adapter: the port's conformance suite over ipc and tcp, and what only this adapter
 * promises: closed directories, the lock beside a path, strangers on the port, signals, limits.
 */
#include "transport_conformance.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ENDPOINT_SIZE 256

struct place {
    char directory[64];
    char path[80];
    char endpoint[96];
};

static void *place_setup(void)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    snprintf(place->directory, sizeof place->directory, "/tmp/gale-zmq-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    snprintf(place->path, sizeof place->path, "%s/w0", place->directory);
    snprintf(place->endpoint, sizeof place->endpoint, "ipc://%s", place->path);
    return place;
}

static void place_teardown(void *fixture)
{
    struct place *place = fixture;
    /* Fails, and the test with it, when a socket or lock was left behind. */
    assert_int_equal(rmdir(place->directory), 0);
    free(place);
}

static enum gale_err make(void *fixture, struct transport **out)
{
    (void)fixture;
    return transport_zmq_new(1, out, NULL);
}

static void ipc_endpoint(void *fixture, char *out, size_t size)
{
    const struct place *place = fixture;
    snprintf(out, size, "%s", place->endpoint);
}

static void tcp_endpoint(void *fixture, char *out, size_t size)
{
    (void)fixture;
    snprintf(out, size, "tcp://127.0.0.1:*");
}

static int setup(void **state)
{
    *state = place_setup();
    return 0;
}

static int teardown(void **state)
{
    place_teardown(*state);
    return 0;
}

static struct transport *new_transport(void)
{
    struct gale_error error = {0};
    struct transport *transport = NULL;
    if (transport_zmq_new(1, &transport, &error) != GALE_OK) {
        fail_msg("%s", error.text);
    }
    return transport;
}

static enum gale_err bind_ipc(struct transport *transport, const char *endpoint,
                              struct gale_error *error)
{
    char bound[ENDPOINT_SIZE];
    return transport->ops->bind(transport, endpoint, bound, sizeof bound, error);
}

/* ---- ipc paths ------------------------------------------------------------------------------ */

static void zmq_open_directory_is_refused(void **state)
{
    struct place *place = *state;
    struct gale_error error = {0};
    struct transport *transport = new_transport();
    assert_int_equal(chmod(place->directory, 0755), 0);
    assert_int_equal(bind_ipc(transport, place->endpoint, &error), GALE_ERR_INVALID);
    assert_non_null(strstr(error.text, "0700"));
    transport->ops->free(transport);
}

static void zmq_missing_directory_is_made_closed(void **state)
{
    struct place *place = *state;
    assert_int_equal(rmdir(place->directory), 0);
    struct transport *transport = new_transport();
    mode_t mask = umask(0);
    assert_int_equal(bind_ipc(transport, place->endpoint, NULL), GALE_OK);
    assert_int_equal(umask(mask), 0);
    struct stat info;
    assert_int_equal(stat(place->directory, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(stat(place->path, &info), 0);
    assert_int_equal(info.st_mode & 077, 0);
    transport->ops->free(transport);
}

static void zmq_stale_socket_is_replaced(void **state)
{
    struct place *place = *state;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", place->path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    struct transport *receiver = new_transport();
    assert_int_equal(bind_ipc(receiver, place->endpoint, NULL), GALE_OK);
    struct transport *sender = new_transport();
    struct transport_peer *peer;
    assert_int_equal(sender->ops->connect(sender, place->endpoint, &peer, NULL), GALE_OK);
    conformance_send(sender, peer, "x", 1);
    conformance_expect(receiver, "x", 1);
    sender->ops->free(sender);
    receiver->ops->free(receiver);
}

static void zmq_foreign_file_at_the_path_is_left_alone(void **state)
{
    struct place *place = *state;
    int fd = open(place->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    struct gale_error error = {0};
    struct transport *transport = new_transport();
    assert_int_equal(bind_ipc(transport, place->endpoint, &error), GALE_ERR_EXISTS);
    transport->ops->free(transport);
    assert_int_equal(unlink(place->path), 0);
}

static void zmq_path_beyond_the_socket_limit_is_refused(void **state)
{
    (void)state;
    char endpoint[ENDPOINT_SIZE];
    memset(endpoint, 'a', sizeof endpoint);
    memcpy(endpoint, "ipc:///tmp/", 11);
    endpoint[sizeof endpoint - 1] = '\0';
    struct gale_error error = {0};
    struct transport *transport = new_transport();
    assert_int_equal(bind_ipc(transport, endpoint, &error), GALE_ERR_LIMIT);
    endpoint[6 + 108] = '\0'; /* One byte more than fits with its NUL. */
    assert_int_equal(bind_ipc(transport, endpoint, &error), GALE_ERR_LIMIT);
    assert_int_equal(bind_ipc(transport, "ipc://@abstract", &error), GALE_ERR_INVALID);
    transport->ops->free(transport);
}

/* ---- strangers on the port ------------------------------------------------------------------ */

static int raw_connect(const char *bound)
{
    const char *colon = strrchr(bound, ':');
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void raw_set_deadline(int fd, int deadline_ms)
{
    struct timeval limit = {.tv_sec = deadline_ms / 1000, .tv_usec = deadline_ms % 1000 * 1000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
}

/* ZMTP 3.0: signature, version, NULL mechanism, then a READY command of a PUSH socket. */
static void raw_handshake(int fd)
{
    uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    static const uint8_t ready[] = "\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH";
    assert_int_equal(send(fd, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    assert_int_equal(send(fd, ready, sizeof ready - 1, MSG_NOSIGNAL), sizeof ready - 1);
    /* The other end's greeting and READY: before them it takes no messages. */
    uint8_t answer[sizeof greeting + sizeof ready - 1];
    raw_set_deadline(fd, CONFORMANCE_DEADLINE_MS);
    assert_int_equal(recv(fd, answer, sizeof answer, MSG_WAITALL), sizeof answer);
}

/* Waits until the other end closed the connection, which must happen before a heartbeat without
 * answer would close it: that takes 2.5 seconds. */
static void raw_expect_closed(int fd)
{
    const int64_t limit_ms = 1500;
    raw_set_deadline(fd, (int)limit_ms);
    int64_t started = clock_now_ns();
    char bytes[256];
    ssize_t got;
    do {
        got = recv(fd, bytes, sizeof bytes, 0);
    } while (got > 0);
    assert_true(got == 0 || errno == ECONNRESET);
    assert_true(clock_now_ns() - started < limit_ms * 1000000);
    close(fd);
}

struct pair {
    struct transport *receiver;
    struct transport *sender;
    struct transport_peer *peer;
    char bound[ENDPOINT_SIZE];
};

static struct pair pair_new(void)
{
    struct pair pair = {.receiver = new_transport(), .sender = new_transport()};
    assert_int_equal(pair.receiver->ops->bind(pair.receiver, "tcp://127.0.0.1:*", pair.bound,
                                              sizeof pair.bound, NULL),
                     GALE_OK);
    assert_int_equal(pair.sender->ops->connect(pair.sender, pair.bound, &pair.peer, NULL),
                     GALE_OK);
    return pair;
}

static void pair_free(struct pair *pair)
{
    pair->sender->ops->free(pair->sender);
    pair->receiver->ops->free(pair->receiver);
}

static void expect_among_garbage(struct transport *receiver, const uint8_t *wanted)
{
    for (bool found = false; !found;) {
        struct transport_message message;
        conformance_receive(receiver, &message);
        found = message.size == 1 && message.data[0] == *wanted;
        receiver->ops->release(receiver, &message);
    }
}

static void zmq_garbage_on_the_port_disturbs_nobody(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    for (uint8_t round = 0; round < 20; round++) {
        int fd = raw_connect(pair.bound);
        uint8_t garbage[200];
        for (size_t i = 0; i < sizeof garbage; i++) {
            garbage[i] = (uint8_t)(i * 7 + round * 31);
        }
        (void)send(fd, garbage, sizeof garbage, MSG_NOSIGNAL);
        conformance_send(pair.sender, pair.peer, &round, 1);
        /* The library takes some garbage for the old ZMTP 1 and delivers it, so the layer above
         * must refuse bytes that are no frame; ours must come through all the same. */
        expect_among_garbage(pair.receiver, &round);
        close(fd);
    }
    pair_free(&pair);
}

static void zmq_announced_size_beyond_maximum_closes_the_stranger(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    int fd = raw_connect(pair.bound);
    raw_handshake(fd);
    /* One byte too many, and nothing of it sent: only the limit can close the connection. */
    uint64_t size = (uint64_t)TRANSPORT_MESSAGE_MAX + 1;
    uint8_t head[9] = {0x02};
    for (int i = 0; i < 8; i++) {
        head[1 + i] = (uint8_t)(size >> (56 - 8 * i));
    }
    assert_int_equal(send(fd, head, sizeof head, MSG_NOSIGNAL), sizeof head);
    raw_expect_closed(fd);
    conformance_send(pair.sender, pair.peer, "fine", 4);
    conformance_expect(pair.receiver, "fine", 4);
    pair_free(&pair);
}

static void zmq_multipart_message_is_skipped_whole(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    int fd = raw_connect(pair.bound);
    raw_handshake(fd);
    /* Parts "a", "b", "c" of one message, then the single message "d". */
    static const uint8_t frames[] = {1, 1, 'a', 1, 1, 'b', 0, 1, 'c', 0, 1, 'd'};
    assert_int_equal(send(fd, frames, sizeof frames, MSG_NOSIGNAL), sizeof frames);
    conformance_expect(pair.receiver, "d", 1);
    close(fd);
    pair_free(&pair);
}

/* ---- the process ---------------------------------------------------------------------------- */

static void zmq_threads_block_every_signal(void **state)
{
    (void)state;
    struct transport *transport = new_transport();
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    int threads_count = 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        long id = strtol(entry->d_name, NULL, 10);
        if (id == 0 || id == (long)getpid()) {
            continue;
        }
        char path[64];
        snprintf(path, sizeof path, "/proc/self/task/%ld/status", id);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        char line[256];
        while (fgets(line, sizeof line, file) != NULL) {
            unsigned long long mask;
            if (sscanf(line, "SigBlk: %llx", &mask) == 1) {
                /* SIGTERM (15), SIGINT (2), SIGCHLD (17), SIGHUP (1). */
                unsigned long long wanted = 1u << 14 | 1u << 1 | 1u << 16 | 1u << 0;
                assert_int_equal(mask & wanted, wanted);
                threads_count++;
            }
        }
        fclose(file);
    }
    closedir(tasks);
    /* The reaper and one I/O thread. */
    assert_true(threads_count >= 2);
    transport->ops->free(transport);
}

static void zmq_too_few_descriptors_are_refused(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct transport *open_one = new_transport();
    struct rlimit low = {.rlim_cur = 20, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    struct gale_error error = {0};
    struct transport *transport = NULL;
    enum gale_err made = transport_zmq_new(1, &transport, &error);
    struct transport_peer *peer = NULL;
    enum gale_err connected =
        open_one->ops->connect(open_one, "tcp://127.0.0.1:1", &peer, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(made, GALE_ERR_LIMIT);
    assert_null(transport);
    assert_int_equal(connected, GALE_ERR_LIMIT);
    assert_null(peer);
    assert_non_null(strstr(error.text, "open_files_max"));
    open_one->ops->free(open_one);
}

static void zmq_thread_count_out_of_range_is_refused(void **state)
{
    (void)state;
    struct transport *transport = NULL;
    assert_int_equal(transport_zmq_new(0, &transport, NULL), GALE_ERR_INVALID);
    assert_int_equal(transport_zmq_new(17, &transport, NULL), GALE_ERR_INVALID);
}

/* ---- The pulse ------------------------------------------------------------------------------ */

#define PULSE_PERIOD_MS 10
#define PULSE_SILENCE_MS 500 /* far more than a period: nothing comes any more */

/* Takes what comes until nothing has come for PULSE_SILENCE_MS, or `most` messages. */
static unsigned take_pulses(struct transport *transport, unsigned most)
{
    unsigned count = 0;
    struct transport_message in;
    for (;;) {
        while (count < most && transport->ops->receive(transport, &in) == GALE_OK) {
            assert_int_equal(in.size, 4);
            assert_memory_equal(in.data, "live", 4);
            transport->ops->release(transport, &in);
            count++;
        }
        struct pollfd ready = {transport->ops->fd(transport), POLLIN, 0};
        if (count == most || poll(&ready, 1, PULSE_SILENCE_MS) == 0) {
            return count;
        }
    }
}

static void zmq_pulse_ends_when_its_owner_hangs_and_comes_back_with_it(void **state)
{
    struct place *place = *state;
    struct gale_error error = {0};
    struct transport *there = new_transport();
    struct transport *here = new_transport();
    assert_int_equal(bind_ipc(there, place->endpoint, &error), GALE_OK);
    transport_zmq_pulse_for(here, 1); /* There is none yet. */
    assert_int_equal(
        transport_zmq_pulse(here, place->endpoint, PULSE_PERIOD_MS, "live", 4, &error),
        GALE_OK);
    assert_int_equal(
        transport_zmq_pulse(here, place->endpoint, PULSE_PERIOD_MS, "live", 4, &error),
        GALE_ERR_STATE);
    assert_int_equal(take_pulses(there, 20), 20); /* For ever, until it is limited. */
    transport_zmq_pulse_for(here, 3);
    assert_in_range(take_pulses(there, 1000), 3, 999);
    transport_zmq_pulse_for(here, 5);
    assert_int_equal(take_pulses(there, 1000), 5);
    here->ops->free(here);
    there->ops->free(there);
}

int main(void)
{
    static const struct conformance_adapter ipc = {"zmq ipc", place_setup, place_teardown, make,
                                                   ipc_endpoint};
    static const struct conformance_adapter tcp = {"zmq tcp", place_setup, place_teardown, make,
                                                   tcp_endpoint};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(zmq_open_directory_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(zmq_missing_directory_is_made_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(zmq_stale_socket_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(zmq_foreign_file_at_the_path_is_left_alone, setup,
                                        teardown),
        cmocka_unit_test(zmq_path_beyond_the_socket_limit_is_refused),
        cmocka_unit_test(zmq_garbage_on_the_port_disturbs_nobody),
        cmocka_unit_test(zmq_announced_size_beyond_maximum_closes_the_stranger),
        cmocka_unit_test(zmq_multipart_message_is_skipped_whole),
        cmocka_unit_test(zmq_threads_block_every_signal),
        cmocka_unit_test(zmq_too_few_descriptors_are_refused),
        cmocka_unit_test(zmq_thread_count_out_of_range_is_refused),
        cmocka_unit_test_setup_teardown(
            zmq_pulse_ends_when_its_owner_hangs_and_comes_back_with_it, setup, teardown),
    };
    int failed = transport_conformance(&ipc);
    failed += transport_conformance(&tcp);
    failed += cmocka_run_group_tests_name("zmq", tests, NULL, NULL);
    return failed;
}
