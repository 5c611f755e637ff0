/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact checks of a run's result, one for each family of topologies; see struct bench. They compare
 * what the topology wrote and what the report counted since the start with what must have come
 * out, and put the first difference into words.
 */
#ifndef SUITE_CHECKS_H
#define SUITE_CHECKS_H

#include "suite/suite.h"
#include "suite/tally.h"

/** Every component behind the spouts executed exactly what the spouts emitted. */
bool check_all_executed(const struct bench_context *context, const struct bench_report *report,
                        const char *file, struct result *result);
/** Word count of the generator's five classic sentences. */
bool check_classic(const struct bench_context *context, const struct bench_report *report,
                   const char *file, struct result *result);
/** Count of single words: each word as often as the generator draws it. */
bool check_words(const struct bench_context *context, const struct bench_report *report,
                 const char *file, struct result *result);
/** Word count of the lines of TEMP/input/words.txt, read over and over. */
bool check_file(const struct bench_context *context, const struct bench_report *report,
                const char *file, struct result *result);

/**
 * The classic sentences' counts against each other: how often each sentence came follows from a word
 * that only it has; every other word must then fit, and the sentences' sum is `emitted`.
 * @return false with what differs in `error`.
 */
bool check_classic_counts(const struct tally *found, uint64_t emitted, char *error,
                          size_t error_size);
/**
 * Counts of the words of words-count.yaml against those that its generator draws by this seed, of
 * each task as many as it emitted (the spout's emitted_by_task).
 * @return false with what differs in `error`.
 */
bool check_words_counts(const struct tally *found, uint64_t seed,
                        const struct bench_component *spout, char *error, size_t error_size);
/** What the first `lines` lines of a text that is read over and over hold, by word. */
void check_count_lines(const char *text, size_t size, uint64_t lines, struct tally *out);

#endif
