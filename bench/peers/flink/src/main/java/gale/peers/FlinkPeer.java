// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.Partitioner;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * Runs one job in a mini cluster in this JVM until the driver says stop: `key=value…` with workload
 * (wordcount, identity), parallelism, guarantee (at-most-once: no checkpoints; exactly-once: one a
 * second), control, driver, seed, rate, buffer_timeout_ms (-1: Flink's own).
 */
public final class FlinkPeer {
    private FlinkPeer() {}

    public static void main(String[] args) throws Exception {
        Settings settings = new Settings(args);
        int parallelism = (int) settings.number("parallelism");
        Configuration configuration = new Configuration();
        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.createLocalEnvironment(parallelism, configuration);
        env.getConfig().enableObjectReuse();
        if (settings.number("buffer_timeout_ms") >= 0) {
            env.setBufferTimeout(settings.number("buffer_timeout_ms"));
        }
        boolean isSaved = settings.is("guarantee", "exactly-once");
        if (isSaved) {
            env.enableCheckpointing(Duration.ofSeconds(1).toMillis(),
                    CheckpointingMode.EXACTLY_ONCE);
        }
        double rate = (double) settings.number("rate") / parallelism;
        if (settings.is("workload", "identity")) {
            identity(env, settings);
        } else if (rate > 0) {
            timedWordCount(env, settings, rate);
        } else {
            wordCount(env, settings, isSaved);
        }
        env.execute("peer");
        Meter.flush();
    }

    private static <T> DataStream<T> source(StreamExecutionEnvironment env,
            GeneratorSource.Generator<T> generator, TypeInformation<T> type, double rate) {
        return env.fromSource(new GeneratorSource<>(generator, type, rate),
                WatermarkStrategy.noWatermarks(), "source");
    }

    /** The source is chained with split; the words cross to the subtask that counts them. */
    private static void wordCount(StreamExecutionEnvironment env, Settings settings,
            boolean isSaved) {
        DataStream<String> words =
                source(env, new Generators.Texts(settings), Types.STRING, 0)
                        .flatMap(new Functions.Split(settings)).returns(Types.STRING);
        DataStream<String> end;
        if (isSaved) {
            end = words.keyBy(new WordKey()).transform("count", Types.STRING,
                    new StateCount(settings));
        } else {
            end = words.partitionCustom(new HashPartitioner(), new WordKey())
                    .flatMap(new Functions.MapCount(settings)).returns(Types.STRING);
        }
        end.sinkTo(new DiscardingSink<>());
    }

    private static void timedWordCount(StreamExecutionEnvironment env, Settings settings,
            double rate) {
        TypeInformation<Tuple2<String, Long>> type =
                TypeInformation.of(new TypeHint<Tuple2<String, Long>>() {});
        source(env, new Generators.TimedTexts(settings), type, rate)
                .flatMap(new Functions.TimedSplit(settings)).returns(type)
                .partitionCustom(new HashPartitioner(), new TimedWordKey())
                .flatMap(new Functions.TimedCount(settings)).returns(Types.STRING)
                .sinkTo(new DiscardingSink<>());
    }

    /** All in one chain, which Flink runs as one loop. */
    private static void identity(StreamExecutionEnvironment env, Settings settings) {
        source(env, new Generators.Constant(settings), Types.STRING, 0)
                .map(new Functions.Identity(settings)).returns(Types.STRING)
                .flatMap(new Functions.Sink(settings)).returns(Types.STRING)
                .sinkTo(new DiscardingSink<>());
    }

    /** Words by hash, without the key groups that only keyed state needs. */
    private static final class HashPartitioner implements Partitioner<String> {
        private static final long serialVersionUID = 1L;

        @Override
        public int partition(String word, int partitions) {
            return (word.hashCode() & Integer.MAX_VALUE) % partitions;
        }
    }

    private static final class WordKey implements KeySelector<String, String> {
        private static final long serialVersionUID = 1L;

        @Override
        public String getKey(String word) {
            return word;
        }
    }

    private static final class TimedWordKey implements KeySelector<Tuple2<String, Long>, String> {
        private static final long serialVersionUID = 1L;

        @Override
        public String getKey(Tuple2<String, Long> word) {
            return word.f0;
        }
    }
}
