// SPDX-License-Identifier: Apache-2.0
package gale.peers;

/**
 * The last tuples of a spout that is to stop. Storm forgets to flush a part of a batch when the next
 * queue was full at the time of the flush, and remembers it with the next tuple; and a part of a batch
 * that came from another worker waits for tuples that fill it. So a few more tuples follow far apart,
 * which count like all others, and then fillers, which push out what waits and are not counted.
 */
final class Trickle {
    enum Due { NOTHING, TUPLE, FILLER }

    /** Its words go to tasks of all workers; none is a word of the input. */
    static final String FILLER = "~0 ~1 ~2 ~3 ~4 ~5 ~6 ~7 ~8 ~9";
    /** The message id of a filler. */
    static final Long FILLER_ID = -1L;

    private static final int TUPLES = 20;
    private static final long TUPLE_APART_NS = 50_000_000;
    /** Enough words for each batch of at most 1000. */
    private static final int FILLERS = 1000;
    private static final long FILLER_APART_NS = 1_000_000;

    private int emitted;
    private long next;

    /** What the spout is to emit now, after the stop. */
    Due due() {
        long now = System.nanoTime();
        if (emitted == TUPLES + FILLERS || now < next) {
            return Due.NOTHING;
        }
        boolean isTuple = emitted++ < TUPLES;
        next = now + (isTuple ? TUPLE_APART_NS : FILLER_APART_NS);
        return isTuple ? Due.TUPLE : Due.FILLER;
    }
}
