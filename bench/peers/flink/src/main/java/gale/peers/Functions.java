// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichFlatMapFunction;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.util.Collector;

/** The steps of the jobs; each object belongs to one subtask. */
final class Functions {
    private Functions() {}

    /** Sentences into words by indexOf, without a regular expression. */
    static final class Split extends RichFlatMapFunction<String, String> {
        private static final long serialVersionUID = 1L;

        private final Settings settings;
        private transient Meter.Task meter;

        Split(Settings settings) {
            this.settings = settings;
        }

        @Override
        public void open(OpenContext context) {
            meter = settings.meter("split");
        }

        @Override
        public void flatMap(String text, Collector<String> output) {
            int from = 0;
            meter.executed++;
            while (from < text.length()) {
                int end = text.indexOf(' ', from);
                end = end < 0 ? text.length() : end;
                if (end > from) {
                    meter.emitted++;
                    output.collect(text.substring(from, end));
                }
                from = end + 1;
            }
        }
    }

    /** The same; the last word carries the time at which its sentence was due, the others 0. */
    static final class TimedSplit
            extends RichFlatMapFunction<Tuple2<String, Long>, Tuple2<String, Long>> {
        private static final long serialVersionUID = 1L;

        private final Settings settings;
        private transient Meter.Task meter;
        private transient Tuple2<String, Long> word;

        TimedSplit(Settings settings) {
            this.settings = settings;
        }

        @Override
        public void open(OpenContext context) {
            meter = settings.meter("split");
            word = new Tuple2<>();
        }

        @Override
        public void flatMap(Tuple2<String, Long> sentence, Collector<Tuple2<String, Long>> output) {
            String text = sentence.f0;
            int from = 0;
            meter.executed++;
            while (from < text.length()) {
                int end = text.indexOf(' ', from);
                boolean isLast = end < 0;
                end = isLast ? text.length() : end;
                if (end > from) {
                    meter.emitted++;
                    word.f0 = text.substring(from, end);
                    word.f1 = isLast ? sentence.f1 : 0L;
                    output.collect(word);
                }
                from = end + 1;
            }
        }
    }

    /** Counts in a map of its own, lost with the job: what a run without checkpoints can use. */
    static final class MapCount extends RichFlatMapFunction<String, String> {
        private static final long serialVersionUID = 1L;

        private final Settings settings;
        private transient Meter.Task meter;
        private transient Map<String, Meter.Word> words;

        MapCount(Settings settings) {
            this.settings = settings;
        }

        @Override
        public void open(OpenContext context) {
            meter = settings.meter("count");
            words = new HashMap<>();
        }

        @Override
        public void flatMap(String text, Collector<String> output) {
            Meter.Word word = words.get(text);
            if (word == null) {
                word = meter.word(text);
                words.put(text, word);
            }
            word.count++;
            if (meter.executed++ == 0) {
                Meter.first();
            }
        }
    }

    /** The same with the latency of each whole sentence. */
    static final class TimedCount
            extends RichFlatMapFunction<Tuple2<String, Long>, String> {
        private static final long serialVersionUID = 1L;

        private final MapCount count;

        TimedCount(Settings settings) {
            count = new MapCount(settings);
        }

        @Override
        public void open(OpenContext context) {
            count.open(context);
            count.meter.latency = new Histogram();
        }

        @Override
        public void flatMap(Tuple2<String, Long> word, Collector<String> output) {
            count.flatMap(word.f0, output);
            if (word.f1 != 0) {
                count.meter.latency.record(System.nanoTime() - word.f1);
            }
        }
    }

    /** Passes on what it receives. */
    static final class Identity extends RichMapFunction<String, String> {
        private static final long serialVersionUID = 1L;

        private final Settings settings;
        private transient Meter.Task meter;

        Identity(Settings settings) {
            this.settings = settings;
        }

        @Override
        public void open(OpenContext context) {
            meter = settings.meter("identity");
        }

        @Override
        public String map(String value) {
            meter.executed++;
            meter.emitted++;
            return value;
        }
    }

    /** The end of the line: counts and drops. */
    static final class Sink extends RichFlatMapFunction<String, String> {
        private static final long serialVersionUID = 1L;

        private final Settings settings;
        private transient Meter.Task meter;

        Sink(Settings settings) {
            this.settings = settings;
        }

        @Override
        public void open(OpenContext context) {
            meter = settings.meter("sink");
        }

        @Override
        public void flatMap(String value, Collector<String> output) {
            if (meter.executed++ == 0) {
                Meter.first();
            }
        }
    }
}
