/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of a result file; see check.h. It shares the generator with the module but none of the
 * counting: expected counts are an array by window and campaign, filled straight from the
 * generator. The file is read twice: the lines of the spout tasks say how many events there were,
 * and stand at its end.
 */
#include "ysb/model/check.h"

#include "ysb/model/events.h"
#include "ysb/model/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bounds of what a file may ask for. */
#define CHECK_TASKS_MAX 1024u
#define CHECK_WINDOWS_MAX ((uint64_t)1 << 18) /* By time; times 100 campaigns. */
#define CHECK_EVENTS_MAX ((uint64_t)1 << 40)

/* One campaign in one window. */
struct cell {
    int64_t expected;
    int64_t seen;
    int64_t updated_ms;
};

struct check {
    bool at_least;
    struct ysb_verdict *verdict;
    struct ysb_stream stream; /* start_ms is that of the task in hand. */
    bool real_time;
    uint64_t tasks; /* 0: no events line yet. */
    bool here[CHECK_TASKS_MAX];
    uint64_t emitted[CHECK_TASKS_MAX];
    int64_t start_ms[CHECK_TASKS_MAX];
    bool has_head, has_end;
    uint64_t end_windows;
    int64_t end_total;
    uint64_t seen_windows;
    int64_t seen_total;
    int64_t first; /* Number of the first window by time. */
    uint64_t windows_count;
    int64_t last_ms;    /* Event time of the last event. */
    struct cell *cells; /* windows_count · YSB_CAMPAIGNS */
    struct ysb_ids ids;
};

static bool wrong(struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool wrong(struct check *check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(check->verdict->error, sizeof(check->verdict->error), format, args);
    va_end(args);
    return false;
}

static bool malformed(struct check *check, const char *line)
{
    return wrong(check, "a line of the result file is malformed: %.60s", line);
}

static bool read_events(struct check *check, const char *line)
{
    struct ysb_stream stream;
    uint64_t task = 0;
    uint64_t tasks = 0;
    uint64_t emitted = 0;
    int skew = 0;
    int real_time = 0;
    if (sscanf(line,
               RECORD_EVENTS " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNu64
                             " %d %d %" SCNu64,
               &task, &tasks, &stream.seed, &stream.start_ms, &stream.step_ns, &skew,
               &real_time, &emitted) != 8 ||
        tasks == 0 || tasks > CHECK_TASKS_MAX || task >= tasks || emitted > CHECK_EVENTS_MAX) {
        return malformed(check, line);
    }
    stream.skew = skew != 0;
    if (check->tasks == 0) {
        check->tasks = tasks;
        check->stream = stream;
        check->real_time = real_time != 0;
    }
    if (check->tasks != tasks || check->stream.seed != stream.seed ||
        check->stream.step_ns != stream.step_ns || check->stream.skew != stream.skew ||
        check->here[task]) {
        return wrong(check, "spout task %" PRIu64 " is there twice or is of another run", task);
    }
    check->here[task] = true;
    check->emitted[task] = emitted;
    check->start_ms[task] = stream.start_ms;
    check->verdict->events += emitted;
    return true;
}

static bool read_end(struct check *check, const char *line)
{
    if (check->has_end || sscanf(line, RECORD_END " %" SCNu64 " %" SCNd64, &check->end_windows,
                                 &check->end_total) != 2) {
        return malformed(check, line);
    }
    check->has_end = true;
    return true;
}

static struct cell *cell_of(struct check *check, int64_t number, size_t campaign)
{
    uint64_t offset = (uint64_t)number - (uint64_t)check->first;
    return offset < check->windows_count ? &check->cells[offset * YSB_CAMPAIGNS + campaign]
                                         : NULL;
}

/* Also right before 1970. */
static int64_t number_of(int64_t time_ms)
{
    return time_ms / YSB_WINDOW_MS - (time_ms % YSB_WINDOW_MS < 0);
}

static bool read_window(struct check *check, const char *line)
{
    char id[YSB_ID_SIZE + 1];
    int64_t start_ms = 0;
    int64_t count = 0;
    int64_t updated_ms = 0;
    if (sscanf(line, RECORD_WINDOW " %36s %" SCNd64 " %" SCNd64 " %" SCNd64, id, &start_ms,
               &count, &updated_ms) != 4 ||
        count <= 0 || start_ms % YSB_WINDOW_MS != 0 || strlen(id) != YSB_ID_SIZE) {
        return malformed(check, line);
    }
    size_t campaign = 0;
    while (campaign < YSB_CAMPAIGNS &&
           memcmp(check->ids.campaigns[campaign], id, YSB_ID_SIZE) != 0) {
        campaign++;
    }
    struct cell *cell =
        campaign < YSB_CAMPAIGNS ? cell_of(check, number_of(start_ms), campaign) : NULL;
    if (cell == NULL) {
        return wrong(check,
                     "campaign %s has %" PRId64 " views at %" PRId64 ", expected none there",
                     id, count, start_ms);
    }
    if (cell->seen != 0) {
        return wrong(check, "campaign %s, window %" PRId64 " is there twice", id, start_ms);
    }
    cell->seen = count;
    cell->updated_ms = updated_ms;
    check->seen_windows++;
    check->seen_total += count;
    return true;
}

static bool starts_with(const char *line, const char *word)
{
    size_t size = strlen(word);
    return strncmp(line, word, size) == 0 && (line[size] == ' ' || line[size] == '\n');
}

/* Reads the lines of one of the two passes. */
static bool read_lines(struct check *check, FILE *file, bool windows)
{
    char line[RECORD_LINE_MAX];
    bool good = true;
    while (good && fgets(line, sizeof(line), file) != NULL) {
        if (strchr(line, '\n') == NULL) {
            return malformed(check, line);
        }
        if (starts_with(line, RECORD_WINDOW)) {
            good = !windows || read_window(check, line);
        } else if (windows) {
            continue;
        } else if (starts_with(line, RECORD_EVENTS)) {
            good = read_events(check, line);
        } else if (starts_with(line, RECORD_END)) {
            good = read_end(check, line);
        } else if (starts_with(line, RECORD_HEAD) && !check->has_head) {
            check->has_head = true;
        } else {
            good = malformed(check, line);
        }
    }
    if (good && ferror(file)) {
        return wrong(check, "cannot read the result file: %s", strerror(errno));
    }
    return good;
}

/* Every task must have told; then the windows that events may lie in are known. */
static bool find_range(struct check *check)
{
    if (!check->has_head || !check->has_end) {
        return wrong(check, "the result file has no end: the run did not finish");
    }
    int64_t early_ms = INT64_MAX;
    check->last_ms = INT64_MIN;
    for (uint64_t task = 0; task < check->tasks; task++) {
        if (!check->here[task]) {
            return wrong(check,
                         "spout task %" PRIu64 " of %" PRIu64 " did not say what it "
                         "emitted: the run did not stop in good order",
                         task, check->tasks);
        }
        uint64_t last = check->emitted[task] * check->tasks + task;
        check->stream.start_ms = check->start_ms[task];
        int64_t last_ms = ysb_time_ms(&check->stream, last);
        early_ms = check->start_ms[task] < early_ms ? check->start_ms[task] : early_ms;
        check->last_ms = last_ms > check->last_ms ? last_ms : check->last_ms;
    }
    if (check->tasks == 0) {
        return wrong(check, "no spout task said what it emitted");
    }
    check->first = number_of(early_ms - YSB_LATE_MS_MAX - YSB_SKEW_MS);
    int64_t last = number_of(check->last_ms + YSB_SKEW_MS);
    if (last < check->first || (uint64_t)(last - check->first) >= CHECK_WINDOWS_MAX) {
        return wrong(check,
                     "the events span more than %" PRIu64 " windows of time; give a "
                     "smaller step_us or count",
                     CHECK_WINDOWS_MAX);
    }
    check->windows_count = (uint64_t)(last - check->first) + 1;
    check->cells = calloc(check->windows_count * YSB_CAMPAIGNS, sizeof(*check->cells));
    return check->cells != NULL || wrong(check, "no memory for the expected counts");
}

static void expect_events(struct check *check)
{
    for (uint64_t task = 0; task < check->tasks; task++) {
        check->stream.start_ms = check->start_ms[task];
        for (uint64_t id = 0; id < check->emitted[task]; id++) {
            struct ysb_event event;
            (void)ysb_event_core(&check->stream, id * check->tasks + task, &event);
            if (event.event_type != YSB_VIEW) {
                continue;
            }
            struct cell *cell =
                cell_of(check, number_of(event.time_ms), event.ad / YSB_ADS_PER_CAMPAIGN);
            cell->expected++;
            check->verdict->views++;
        }
    }
}

static bool compare(struct check *check)
{
    for (uint64_t i = 0; i < check->windows_count * YSB_CAMPAIGNS; i++) {
        const struct cell *cell = &check->cells[i];
        check->verdict->windows += cell->expected > 0;
        if (cell->seen == cell->expected || (check->at_least && cell->seen > cell->expected)) {
            check->verdict->excess += (uint64_t)(cell->seen - cell->expected);
            continue;
        }
        return wrong(check,
                     "campaign %.*s, window %" PRId64 ": seen_count is %" PRId64
                     ", expected %s%" PRId64,
                     YSB_ID_SIZE, check->ids.campaigns[i % YSB_CAMPAIGNS],
                     (check->first + (int64_t)(i / YSB_CAMPAIGNS)) * YSB_WINDOW_MS, cell->seen,
                     check->at_least ? "at least " : "", cell->expected);
    }
    if (check->seen_windows != check->end_windows || check->seen_total != check->end_total) {
        return wrong(check,
                     "the result file lost lines: its end says %" PRIu64 " windows, it "
                     "has %" PRIu64,
                     check->end_windows, check->seen_windows);
    }
    return true;
}

static int compare_ms(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* Time from a window's end to its last update; windows that the run cut short are left out. */
static bool find_latency(struct check *check)
{
    struct ysb_verdict *verdict = check->verdict;
    size_t cells_count = (size_t)(check->windows_count * YSB_CAMPAIGNS);
    int64_t *latency = malloc(cells_count * sizeof(*latency));
    if (latency == NULL) {
        return wrong(check, "no memory for the latencies");
    }
    size_t count = 0;
    for (size_t i = 0; i < cells_count; i++) {
        int64_t end_ms = (check->first + (int64_t)(i / YSB_CAMPAIGNS) + 1) * YSB_WINDOW_MS;
        if (check->cells[i].seen > 0 && end_ms < check->last_ms) {
            latency[count++] = check->cells[i].updated_ms - end_ms;
        }
    }
    if (count > 0) {
        qsort(latency, count, sizeof(*latency), compare_ms);
        verdict->latencies = count;
        verdict->latency_p50_ms = latency[(count - 1) / 2];
        verdict->latency_p99_ms = latency[(count - 1) * 99 / 100];
        verdict->latency_max_ms = latency[count - 1];
    }
    free(latency);
    return true;
}

static bool check_file(struct check *check, FILE *file)
{
    if (!read_lines(check, file, false) || !find_range(check)) {
        return false;
    }
    ysb_ids_init(&check->ids, check->stream.seed);
    rewind(file);
    if (!read_lines(check, file, true)) {
        return false;
    }
    expect_events(check);
    return compare(check) && (!check->real_time || find_latency(check));
}

bool ysb_check(const char *path, bool at_least, struct ysb_verdict *out)
{
    *out = (struct ysb_verdict){0};
    struct check *check = calloc(1, sizeof(*check));
    if (check == NULL) {
        (void)snprintf(out->error, sizeof(out->error), "no memory for the check");
        return false;
    }
    check->at_least = at_least;
    check->verdict = out;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)wrong(check, "cannot read the result file %s: %s", path, strerror(errno));
    } else {
        out->ok = check_file(check, file);
        (void)fclose(file);
    }
    free(check->cells);
    free(check);
    return out->ok;
}
