/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine allows: word count written by hand, without an engine, as a yardstick for
 * bench/wordcount.yaml on the same machine in the same run.
 *
 *   one_process        five classic sentences → split → fixstr words in 32 KiB batches → hash → count
 *   one_process_acked  the same with an edge id for each word and an XOR ledger, one slot a root
 *   two_process        one process splits, the other counts; batches are ZeroMQ frames over ipc
 *   two_process_acked  the same with derived edge ids, roots as runs, and one ack frame back for
 *                      each data frame
 *
 * Frame: {u64 seed, u32 words_size, u32 runs_count}, the words, then runs {u64 root, u32 count}.
 * Edge id k of a frame is mix64(seed + k): ids do not travel. Ack frame: entries {u64 root, u64 xor}.
 *
 * Each run checks every word's count exactly and that every root was completed, and prints one
 * line of JSON. It has none of an engine's duties (validation, groupings, failure, replay), so
 * that an engine can come near it and not reach it.
 */
#include "base/clock.h"
#include "base/rng.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define BATCH_SIZE 32768u
#define HEAD_SIZE 16u
#define RUN_SIZE 12u
#define ACK_SIZE 16u
/* Room that one more sentence may take: its words and its run. */
#define SENTENCE_SIZE_MAX 64u
#define RUNS_MAX (BATCH_SIZE / 16)
#define LEDGER_SLOTS 65536u
#define TABLE_SLOTS 1024u
#define WORD_SIZE_MAX 16u
/* More frames than the ledger lets be under way: neither end ever waits for room. */
#define HIGH_WATER_FRAMES 1000
#define SENTENCES_COUNT 5u

struct sentence {
    const char *text;
    size_t size;
};

#define SENTENCE(literal) \
    { \
        literal, sizeof(literal) - 1 \
    }

static const struct sentence sentences[SENTENCES_COUNT] = {
    SENTENCE("the cow jumped over the moon"),
    SENTENCE("an apple a day keeps the doctor away"),
    SENTENCE("four score and seven years ago"),
    SENTENCE("snow white and the seven dwarfs"),
    SENTENCE("i am at two with nature"),
};

struct entry {
    uint64_t hash; /* 0: empty. */
    uint64_t count;
    uint32_t size;
    char word[WORD_SIZE_MAX];
};

struct table {
    struct entry entries[TABLE_SLOTS];
};

/* The spout's side: what was picked, and the trees under way. */
struct source {
    struct rng rng;
    uint64_t picked[SENTENCES_COUNT];
    uint64_t roots_count;
    uint64_t completed_count;
    uint64_t ledger[LEDGER_SLOTS]; /* By root modulo the slots. */
};

struct batch {
    uint8_t *words;
    uint32_t words_size;
    uint32_t runs_count;
    uint64_t seed;
    uint8_t runs[RUNS_MAX * RUN_SIZE];
};

struct outcome {
    uint64_t words;
    double seconds;
    double cpu_s;
    bool is_right;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "limit: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

/* ---- words ---------------------------------------------------------------------------------- */

static inline uint64_t hash_word(const uint8_t *word, uint32_t size)
{
    uint64_t hash = size;
    while (size > 8) {
        uint64_t part;
        memcpy(&part, word, 8);
        hash = mix64(hash ^ part);
        word += 8;
        size -= 8;
    }
    uint64_t part = 0;
    for (uint32_t i = 0; i < size; i++) {
        part |= (uint64_t)word[i] << (8 * i);
    }
    return mix64(hash ^ part) | 1;
}

static inline void table_count(struct table *table, const uint8_t *word, uint32_t size)
{
    uint64_t hash = hash_word(word, size);
    for (uint64_t slot = hash >> 54;; slot = (slot + 1) % TABLE_SLOTS) {
        struct entry *entry = &table->entries[slot];
        if (entry->hash == hash && entry->size == size &&
            memcmp(entry->word, word, size) == 0) {
            entry->count++;
            return;
        }
        if (entry->hash == 0) {
            if (size > WORD_SIZE_MAX) {
                die("word too long");
            }
            entry->hash = hash;
            entry->size = size;
            entry->count = 1;
            memcpy(entry->word, word, size);
            return;
        }
    }
}

/* Appends the sentence's words as fixstr values; how many they are. */
static inline uint32_t split(struct batch *batch, const struct sentence *sentence)
{
    uint8_t *out = batch->words + batch->words_size;
    uint8_t *head = out++;
    uint32_t words = 1;
    for (size_t i = 0; i < sentence->size; i++) {
        char c = sentence->text[i];
        if (c == ' ') {
            *head = (uint8_t)(0xa0 | (out - head - 1));
            head = out++;
            words++;
        } else {
            *out++ = (uint8_t)c;
        }
    }
    *head = (uint8_t)(0xa0 | (out - head - 1));
    batch->words_size = (uint32_t)(out - batch->words);
    return words;
}

/* Fills a batch with whole sentences; how many words they are. */
static uint64_t fill(struct source *source, struct batch *batch, bool acked)
{
    uint64_t words = 0;
    batch->words_size = 0;
    batch->runs_count = 0;
    batch->seed = rng_next(&source->rng);
    while (HEAD_SIZE + batch->words_size + batch->runs_count * RUN_SIZE + SENTENCE_SIZE_MAX <=
           BATCH_SIZE) {
        uint32_t pick = rng_below(&source->rng, SENTENCES_COUNT);
        source->picked[pick]++;
        uint32_t count = split(batch, &sentences[pick]);
        if (acked) {
            uint64_t edges = 0;
            for (uint32_t k = 0; k < count; k++) {
                edges ^= mix64(batch->seed + words + k);
            }
            uint64_t root = source->roots_count++;
            source->ledger[root % LEDGER_SLOTS] = edges;
            uint8_t *run = batch->runs + (size_t)batch->runs_count++ * RUN_SIZE;
            memcpy(run, &root, sizeof root);
            memcpy(run + sizeof root, &count, sizeof count);
        }
        words += count;
    }
    return words;
}

/* Counts the words of a batch. */
static void count_words(struct table *table, const uint8_t *words, uint32_t size)
{
    const uint8_t *end = words + size;
    while (words < end) {
        uint32_t word_size = *words & 0x1fu;
        table_count(table, words + 1, word_size);
        words += 1 + word_size;
    }
}

/* The XOR of each run's edges; `acks` receives {root, xor} for each. */
static void ack_runs(const uint8_t *runs, uint32_t runs_count, uint64_t seed, uint8_t *acks)
{
    for (uint32_t i = 0; i < runs_count; i++, runs += RUN_SIZE, acks += ACK_SIZE) {
        uint32_t count;
        memcpy(&count, runs + 8, sizeof count);
        uint64_t edges = 0;
        for (uint32_t k = 0; k < count; k++) {
            edges ^= mix64(seed++);
        }
        memcpy(acks, runs, 8);
        memcpy(acks + 8, &edges, 8);
    }
}

static void obey_acks(struct source *source, const uint8_t *acks, size_t size)
{
    for (size_t at = 0; at + ACK_SIZE <= size; at += ACK_SIZE) {
        uint64_t root;
        uint64_t edges;
        memcpy(&root, acks + at, 8);
        memcpy(&edges, acks + at + 8, 8);
        uint64_t *slot = &source->ledger[root % LEDGER_SLOTS];
        *slot ^= edges;
        source->completed_count += *slot == 0;
    }
}

/* Every word counted as often as the picked sentences hold it, and nothing else. */
static bool check(const struct table *counted, const struct source *source, bool acked)
{
    static struct table expected;
    memset(&expected, 0, sizeof expected);
    uint8_t bytes[SENTENCE_SIZE_MAX];
    struct batch batch = {.words = bytes};
    for (uint32_t i = 0; i < SENTENCES_COUNT; i++) {
        batch.words_size = 0;
        split(&batch, &sentences[i]);
        for (uint32_t at = 0; at < batch.words_size; at += 1 + (bytes[at] & 0x1fu)) {
            uint32_t size = bytes[at] & 0x1fu;
            uint64_t hash = hash_word(bytes + at + 1, size);
            table_count(&expected, bytes + at + 1, size);
            for (uint64_t slot = hash >> 54;; slot = (slot + 1) % TABLE_SLOTS) {
                if (expected.entries[slot].hash == hash) {
                    expected.entries[slot].count += source->picked[i] - 1;
                    break;
                }
            }
        }
    }
    uint64_t expected_total = 0;
    uint64_t counted_total = 0;
    bool is_right = true;
    for (uint32_t i = 0; i < TABLE_SLOTS; i++) {
        const struct entry *wanted = &expected.entries[i];
        expected_total += wanted->count;
        counted_total += counted->entries[i].count;
        for (uint32_t j = 0; wanted->hash != 0 && j < TABLE_SLOTS; j++) {
            const struct entry *got = &counted->entries[j];
            is_right &= got->hash != wanted->hash || got->count == wanted->count;
        }
    }
    return is_right && expected_total == counted_total &&
           (!acked || source->completed_count == source->roots_count);
}

static double cpu_seconds(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* ---- one process ---------------------------------------------------------------------------- */

static struct source source;
static struct table table;
static struct batch batch;

static struct outcome run_one(int64_t duration_ns, bool acked)
{
    static uint8_t words[BATCH_SIZE];
    static uint8_t acks[RUNS_MAX * ACK_SIZE];
    struct outcome outcome = {0};
    batch.words = words;
    double cpu_s = cpu_seconds(RUSAGE_SELF);
    int64_t started = clock_now_ns();
    int64_t elapsed;
    do {
        outcome.words += fill(&source, &batch, acked);
        count_words(&table, words, batch.words_size);
        if (acked) {
            ack_runs(batch.runs, batch.runs_count, batch.seed, acks);
            obey_acks(&source, acks, (size_t)batch.runs_count * ACK_SIZE);
        }
        elapsed = clock_now_ns() - started;
    } while (elapsed < duration_ns);
    outcome.seconds = (double)elapsed * 1e-9;
    outcome.cpu_s = cpu_seconds(RUSAGE_SELF) - cpu_s;
    outcome.is_right = check(&table, &source, acked);
    return outcome;
}

/* ---- two processes -------------------------------------------------------------------------- */

static void *open_socket(void *context, int type, const char *endpoint, bool binds)
{
    void *socket = zmq_socket(context, type);
    int value = HIGH_WATER_FRAMES;
    int linger_ms = 1000;
    if (socket == NULL || zmq_setsockopt(socket, ZMQ_SNDHWM, &value, sizeof value) != 0 ||
        zmq_setsockopt(socket, ZMQ_RCVHWM, &value, sizeof value) != 0 ||
        zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms) != 0 ||
        (binds ? zmq_bind(socket, endpoint) : zmq_connect(socket, endpoint)) != 0) {
        die(endpoint);
    }
    return socket;
}

static void send_message(void *socket, zmq_msg_t *message)
{
    while (zmq_msg_send(message, socket, 0) < 0) {
        if (errno != EINTR) {
            die("send");
        }
    }
}

/* The second process: counts until an empty frame, then writes its table to the pipe. */
static _Noreturn void run_counter(const char *data_endpoint, const char *ack_endpoint,
                                  int pipe_fd, bool acked)
{
    void *context = zmq_ctx_new();
    void *data = open_socket(context, ZMQ_PULL, data_endpoint, true);
    void *acks = open_socket(context, ZMQ_PUSH, ack_endpoint, false);
    for (;;) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, data, 0) < 0) {
            die("receive");
        }
        const uint8_t *frame = zmq_msg_data(&message);
        uint64_t seed;
        uint32_t words_size;
        uint32_t runs_count;
        memcpy(&seed, frame, 8);
        memcpy(&words_size, frame + 8, 4);
        memcpy(&runs_count, frame + 12, 4);
        if (words_size == 0) {
            zmq_msg_close(&message);
            break;
        }
        count_words(&table, frame + HEAD_SIZE, words_size);
        if (acked) {
            zmq_msg_t answer;
            zmq_msg_init_size(&answer, (size_t)runs_count * ACK_SIZE);
            ack_runs(frame + HEAD_SIZE + words_size, runs_count, seed, zmq_msg_data(&answer));
            send_message(acks, &answer);
        }
        zmq_msg_close(&message);
    }
    const uint8_t *bytes = (const uint8_t *)&table;
    for (size_t at = 0; at < sizeof table;) {
        ssize_t written = write(pipe_fd, bytes + at, sizeof table - at);
        if (written <= 0) {
            die("pipe");
        }
        at += (size_t)written;
    }
    zmq_close(data);
    zmq_close(acks);
    zmq_ctx_term(context);
    exit(0);
}

static void take_acks(void *socket, int flags)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    while (zmq_msg_recv(&message, socket, flags) >= 0) {
        obey_acks(&source, zmq_msg_data(&message), zmq_msg_size(&message));
        flags = ZMQ_DONTWAIT;
    }
    zmq_msg_close(&message);
}

/* Writes one frame in the message's own memory and sends it; how many words it has. */
static uint64_t send_batch(void *socket, bool acked)
{
    zmq_msg_t message;
    if (zmq_msg_init_size(&message, BATCH_SIZE) != 0) {
        die("message");
    }
    uint8_t *frame = zmq_msg_data(&message);
    batch.words = frame + HEAD_SIZE;
    uint64_t words = fill(&source, &batch, acked);
    memcpy(frame, &batch.seed, 8);
    memcpy(frame + 8, &batch.words_size, 4);
    memcpy(frame + 12, &batch.runs_count, 4);
    memcpy(frame + HEAD_SIZE + batch.words_size, batch.runs,
           (size_t)batch.runs_count * RUN_SIZE);
    send_message(socket, &message);
    return words;
}

static uint64_t split_for(void *data, void *acks, int64_t duration_ns, bool acked)
{
    uint64_t words = 0;
    int64_t started = clock_now_ns();
    while (clock_now_ns() - started < duration_ns) {
        words += send_batch(data, acked);
        if (acked) {
            take_acks(acks, ZMQ_DONTWAIT);
            while (source.roots_count - source.completed_count > LEDGER_SLOTS - RUNS_MAX) {
                take_acks(acks, 0);
            }
        }
    }
    while (acked && source.completed_count < source.roots_count) {
        take_acks(acks, 0);
    }
    return words;
}

static void read_table(int pipe_fd)
{
    uint8_t *bytes = (uint8_t *)&table;
    for (size_t at = 0; at < sizeof table;) {
        ssize_t got = read(pipe_fd, bytes + at, sizeof table - at);
        if (got <= 0) {
            die("the counting process ended early");
        }
        at += (size_t)got;
    }
}

static struct outcome run_two(int64_t duration_ns, bool acked)
{
    char directory[] = "/tmp/gale-limit-XXXXXX";
    char data_endpoint[64];
    char ack_endpoint[64];
    int pipe_fds[2];
    if (mkdtemp(directory) == NULL || pipe(pipe_fds) != 0) {
        die("temporary directory");
    }
    snprintf(data_endpoint, sizeof data_endpoint, "ipc://%s/data", directory);
    snprintf(ack_endpoint, sizeof ack_endpoint, "ipc://%s/acks", directory);
    double cpu_s = cpu_seconds(RUSAGE_SELF);
    /* Forked before any context lives: the library cannot be shared across a fork. */
    pid_t child = fork();
    if (child < 0) {
        die("fork");
    }
    if (child == 0) {
        close(pipe_fds[0]);
        run_counter(data_endpoint, ack_endpoint, pipe_fds[1], acked);
    }
    close(pipe_fds[1]);
    void *context = zmq_ctx_new();
    void *acks = open_socket(context, ZMQ_PULL, ack_endpoint, true);
    void *data = open_socket(context, ZMQ_PUSH, data_endpoint, false);
    struct outcome outcome = {0};
    int64_t started = clock_now_ns();
    outcome.words = split_for(data, acks, duration_ns, acked);
    zmq_msg_t end;
    zmq_msg_init_size(&end, HEAD_SIZE);
    memset(zmq_msg_data(&end), 0, HEAD_SIZE);
    send_message(data, &end);
    read_table(pipe_fds[0]);
    outcome.seconds = (double)(clock_now_ns() - started) * 1e-9;
    zmq_close(data);
    zmq_close(acks);
    zmq_ctx_term(context);
    int status = 0;
    waitpid(child, &status, 0);
    close(pipe_fds[0]);
    unlink(data_endpoint + strlen("ipc://"));
    unlink(ack_endpoint + strlen("ipc://"));
    rmdir(directory);
    outcome.cpu_s = cpu_seconds(RUSAGE_SELF) - cpu_s + cpu_seconds(RUSAGE_CHILDREN);
    outcome.is_right = status == 0 && check(&table, &source, acked);
    return outcome;
}

/* ---- command line --------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct outcome (*run)(int64_t duration_ns, bool acked);
    bool acked;
} limits[] = {
    {"one_process", run_one, false},
    {"one_process_acked", run_one, true},
    {"two_process", run_two, false},
    {"two_process_acked", run_two, true},
};

static int usage(void)
{
    fprintf(stderr, "usage: wordcount NAME [--seconds S]\nnames:");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        fprintf(stderr, " %s", limits[i].name);
    }
    fprintf(stderr, "\n");
    return 2;
}

int main(int argc, char **argv)
{
    double seconds = 3;
    if (argc == 4 && strcmp(argv[2], "--seconds") == 0) {
        seconds = strtod(argv[3], NULL);
    } else if (argc != 2) {
        return usage();
    }
    if (!(seconds > 0 && seconds <= 3600)) {
        return usage();
    }
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (strcmp(argv[1], limits[i].name) != 0) {
            continue;
        }
        for (size_t k = 0; k < 4; k++) {
            source.rng.s[k] = mix64(k + 1);
        }
        struct outcome got = limits[i].run((int64_t)(seconds * 1e9), limits[i].acked);
        printf("{\"limit\":\"%s\",\"words_per_s\":%.0f,\"words_per_cpu_s\":%.0f,"
               "\"seconds\":%.3f,\"cpu_s\":%.3f,\"words\":%llu,\"checked\":%s}\n",
               limits[i].name, (double)got.words / got.seconds, (double)got.words / got.cpu_s,
               got.seconds, got.cpu_s, (unsigned long long)got.words,
               got.is_right ? "true" : "false");
        return got.is_right ? 0 : 1;
    }
    return usage();
}
