// SPDX-License-Identifier: Apache-2.0
package gale.peers;

/**
 * Counts of nanoseconds in buckets of at most 0.8 % width: 128 linear steps a power of two.
 *
 * <p>One thread records. The meter's thread reads plain longs meanwhile: a figure may be a moment old,
 * never torn. The driver takes the difference of two readings, so nothing is ever reset.
 */
public final class Histogram {
    private static final int STEP_BITS = 7;
    private static final int STEPS = 1 << STEP_BITS;
    /** Up to 2^41 ns, about half an hour. */
    private static final int BUCKETS = (41 - STEP_BITS + 1) * STEPS;

    private final long[] counts = new long[BUCKETS];

    public void record(long nanoseconds) {
        counts[Math.min(bucket(Math.max(nanoseconds, 0)), BUCKETS - 1)]++;
    }

    private static int bucket(long value) {
        if (value < STEPS) {
            return (int) value;
        }
        int shift = 63 - Long.numberOfLeadingZeros(value) - STEP_BITS;
        return ((shift + 1) << STEP_BITS) + (int) (value >>> shift) - STEPS;
    }

    /** Appends {"bucket":count,…} without the empty ones. */
    void write(StringBuilder out) {
        char separator = '{';
        for (int i = 0; i < BUCKETS; i++) {
            if (counts[i] != 0) {
                out.append(separator).append('"').append(i).append("\":").append(counts[i]);
                separator = ',';
            }
        }
        out.append(separator == '{' ? "{}" : "}");
    }
}
