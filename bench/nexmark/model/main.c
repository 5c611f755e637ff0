/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nexmark_dump: prints events without the engine, as an input for other programs. One line an event,
 * fields separated by tabs, in the order of the schema. Single-threaded.
 */
#include "nexmark/model/event.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE \
    "usage: nexmark_dump [--seed N] [--first N] [--count N] [--event-rate R] [--base-time " \
    "MS]\n" \
    "                    person|auction|bid\n" \
    "Prints the events of one kind among `count` events from `first` on, in the order of " \
    "their\n" \
    "numbers, one a line, with tabs between the fields.\n"

struct call {
    uint64_t first, count;
    double event_rate;
    struct nexmark_config config;
    enum nexmark_kind kind;
};

static void print_text(const char *before, const struct nexmark_text *text)
{
    fputs(before, stdout);
    fwrite(text->data, 1, text->size, stdout);
}

static void print_person(const struct nexmark_generator *generator, uint64_t event)
{
    struct nexmark_person person;
    nexmark_person(generator, event, &person);
    printf("%" PRId64, person.id);
    print_text("\t", &person.name);
    print_text("\t", &person.email);
    print_text("\t", &person.credit_card);
    print_text("\t", &person.city);
    print_text("\t", &person.state);
    printf("\t%" PRId64, person.date_time_ms);
    print_text("\t", &person.extra);
    putchar('\n');
}

static void print_auction(const struct nexmark_generator *generator, uint64_t event)
{
    struct nexmark_auction auction;
    nexmark_auction(generator, event, &auction);
    printf("%" PRId64, auction.id);
    print_text("\t", &auction.item_name);
    print_text("\t", &auction.description);
    printf("\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64,
           auction.initial_bid, auction.reserve, auction.date_time_ms, auction.expires_ms,
           auction.seller, auction.category);
    print_text("\t", &auction.extra);
    putchar('\n');
}

static void print_bid(const struct nexmark_generator *generator, uint64_t event)
{
    struct nexmark_bid bid;
    nexmark_bid(generator, event, &bid);
    printf("%" PRId64 "\t%" PRId64 "\t%" PRId64, bid.auction, bid.bidder, bid.price);
    print_text("\t", &bid.channel);
    print_text("\t", &bid.url);
    printf("\t%" PRId64, bid.date_time_ms);
    print_text("\t", &bid.extra);
    putchar('\n');
}

static bool read_number(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return errno == 0 && end != text && *end == '\0' && value >= 0;
}

static bool read_rate(const char *text, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= 0.001 && *out <= 1e9;
}

static bool read_kind(const char *text, enum nexmark_kind *out)
{
    static const char *const names[NEXMARK_KINDS] = {"person", "auction", "bid"};
    for (unsigned kind = 0; kind < NEXMARK_KINDS; kind++) {
        if (strcmp(text, names[kind]) == 0) {
            *out = (enum nexmark_kind)kind;
            return true;
        }
    }
    return false;
}

static bool read_call(int argc, char **argv, struct call *call)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"first", required_argument, NULL, 'f'},
                                            {"count", required_argument, NULL, 'c'},
                                            {"event-rate", required_argument, NULL, 'e'},
                                            {"base-time", required_argument, NULL, 'b'},
                                            {NULL, 0, NULL, 0}};
    bool is_valid = true;
    for (int option = 0; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        int64_t number = 0;
        if (option == '?') {
            return false;
        }
        if (option == 'e') {
            is_valid = is_valid && read_rate(optarg, &call->event_rate);
            continue;
        }
        is_valid = is_valid && read_number(optarg, &number);
        switch (option) {
        case 's': call->config.seed = (uint64_t)number; break;
        case 'f': call->first = (uint64_t)number; break;
        case 'c': call->count = (uint64_t)number; break;
        default: call->config.base_time_ms = number; break;
        }
    }
    return is_valid && optind == argc - 1 && read_kind(argv[optind], &call->kind);
}

int main(int argc, char **argv)
{
    struct call call = {
        .count = 1000,
        .event_rate = NEXMARK_EVENT_RATE,
        .config = {.seed = 1, .base_time_ms = NEXMARK_BASE_TIME_MS, .group = 1}};
    if (!read_call(argc, argv, &call)) {
        fputs(USAGE, stderr);
        return 64;
    }
    call.config.interval_ns = nexmark_interval_ns(call.event_rate);
    struct nexmark_generator *generator = nexmark_generator_new(&call.config);
    if (generator == NULL) {
        fputs("nexmark_dump: no memory\n", stderr);
        return 70;
    }
    for (uint64_t event = call.first; event < call.first + call.count; event++) {
        if (nexmark_kind_of(event) != call.kind) {
            continue;
        }
        switch (call.kind) {
        case NEXMARK_PERSON: print_person(generator, event); break;
        case NEXMARK_AUCTION: print_auction(generator, event); break;
        case NEXMARK_BID: print_bid(generator, event); break;
        }
    }
    nexmark_generator_free(generator);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "nexmark_dump: standard output: %s\n", strerror(errno));
        return 74;
    }
    return 0;
}
