/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result file of a run, which the store begins and each spout task ends with a line of its own
 * (one append, so that tasks of several processes do not mix). Lines of words and numbers:
 *
 *     ysb 1
 *     window <campaign id> <window's start, ms> <seen count> <last update, ms>
 *     end <number of window lines> <sum of their counts>
 *     events <task> <tasks> <seed> <start, ms> <step, ns> <skew 0|1> <real time 0|1> <emitted>
 */
#ifndef YSB_RECORD_H
#define YSB_RECORD_H

#define RECORD_HEAD "ysb 1"
#define RECORD_WINDOW "window"
#define RECORD_END "end"
#define RECORD_EVENTS "events"

/** Longest line with its newline. */
enum { RECORD_LINE_MAX = 256 };

#endif
