/* SPDX-License-Identifier: Apache-2.0 */
/* Short numbers; see numbers.h. */
#include "text/numbers.h"

#include <stdio.h>

const char *number_rate(double value, char out[NUMBER_SIZE])
{
    static const char *const units[] = {"", " k", " M", " G", " T"};
    size_t unit = 0;
    while (value >= 999.5 && unit < 4) {
        value /= 1000;
        unit++;
    }
    int decimals = unit > 0 && value < 9.95 ? 1 : 0;
    snprintf(out, NUMBER_SIZE, "%.*f%s", decimals, value, units[unit]);
    return out;
}

const char *number_time(uint64_t ns, char out[NUMBER_SIZE])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double value = (double)ns;
    size_t unit = 0;
    while (value >= 999.5 && unit < 3) {
        value /= 1000;
        unit++;
    }
    if (ns == 0) {
        snprintf(out, NUMBER_SIZE, "-");
    } else {
        snprintf(out, NUMBER_SIZE, "%.*f%s", unit > 0 && value < 9.95 ? 1 : 0, value,
                 units[unit]);
    }
    return out;
}
