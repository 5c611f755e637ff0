// SPDX-License-Identifier: Apache-2.0
package gale.peers;

/**
 * The input of the word count: five classic sentences, picked pseudo-randomly by the rule of Gale's
 * generator (mix of seed and sequence number), so that all engines count the same text.
 *
 * <p>Not thread-safe: one object a source task.
 */
public final class Sentences {
    public static final String[] TEXTS = {
        "the cow jumped over the moon",
        "an apple a day keeps the doctor away",
        "four score and seven years ago",
        "snow white and the seven dwarfs",
        "i am at two with nature",
    };

    private static final long GOLDEN = 0x9e3779b97f4a7c15L;
    private static final long MULTIPLIER = 0xd6e8feb86659fd93L;

    private final long seed;
    private long id;

    public Sentences(long seed, int task) {
        this.seed = mix(seed * GOLDEN + task);
    }

    /** The generator of a task after that many sentences. */
    public static Sentences at(long seed, int task, long position) {
        Sentences sentences = new Sentences(seed, task);
        sentences.id = position;
        return sentences;
    }

    /** Index into TEXTS of the next sentence. */
    public int next() {
        long random = (seed + id++) * GOLDEN;
        random = (random ^ (random >>> 32)) * MULTIPLIER;
        random ^= random >>> 32;
        return (int) (((random >>> 32) * TEXTS.length) >>> 32);
    }

    private static long mix(long x) {
        x = (x ^ (x >>> 32)) * MULTIPLIER;
        x = (x ^ (x >>> 32)) * MULTIPLIER;
        return x ^ (x >>> 32);
    }
}
