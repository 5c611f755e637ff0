// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import org.apache.flink.api.java.tuple.Tuple2;

/** What the sources emit; each object belongs to one subtask. */
final class Generators {
    private Generators() {}

    /** The five sentences at full speed; the texts are constants, so nothing is made. */
    static final class Texts implements GeneratorSource.Generator<String> {
        private static final long serialVersionUID = 1L;

        private final Settings settings;
        private transient Meter.Task meter;
        private transient Sentences sentences;

        Texts(Settings settings) {
            this.settings = settings;
        }

        @Override
        public void open(int subtask, long position) {
            meter = settings.meter("sentences");
            sentences = Sentences.at(settings.number("seed"), subtask, position);
        }

        @Override
        public String next(long due) {
            int which = sentences.next();
            meter.emitted++;
            meter.sentence(which);
            return Sentences.TEXTS[which];
        }
    }

    /** The five sentences with the time at which each was due, in one object used again. */
    static final class TimedTexts implements GeneratorSource.Generator<Tuple2<String, Long>> {
        private static final long serialVersionUID = 1L;

        private final Texts texts;
        private final Tuple2<String, Long> record = new Tuple2<>();

        TimedTexts(Settings settings) {
            texts = new Texts(settings);
        }

        @Override
        public void open(int subtask, long position) {
            texts.open(subtask, position);
        }

        @Override
        public Tuple2<String, Long> next(long due) {
            record.f0 = texts.next(due);
            record.f1 = due;
            return record;
        }
    }

    /** The same text again and again. */
    static final class Constant implements GeneratorSource.Generator<String> {
        private static final long serialVersionUID = 1L;

        private final Settings settings;
        private transient Meter.Task meter;

        Constant(Settings settings) {
            this.settings = settings;
        }

        @Override
        public void open(int subtask, long position) {
            meter = settings.meter("constant");
        }

        @Override
        public String next(long due) {
            meter.emitted++;
            return "gale";
        }
    }
}
