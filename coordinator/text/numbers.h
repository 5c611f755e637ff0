/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for people, in four characters or so. Pure functions. */
#ifndef TEXT_NUMBERS_H
#define TEXT_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

enum { NUMBER_SIZE = 24 };
/** A count or rate: "999", "58 k", "4.1 M". */
const char *number_rate(double value, char out[NUMBER_SIZE]);
/** A time: "850ns", "1.1us", "22us", "8.1ms", "1.2s"; 0 is "-". */
const char *number_time(uint64_t ns, char out[NUMBER_SIZE]);

#endif
