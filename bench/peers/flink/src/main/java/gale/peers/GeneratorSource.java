// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.connector.source.SplitsAssignment;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/**
 * An endless source of the current source interface, one split a subtask; the split's state is how many
 * records it has emitted, so a checkpoint holds the position. At full speed a poll emits several
 * records, which saves Flink the round through its mailbox. At a rate it works in open loop: a poll
 * emits what is due or parks until then, at most for PARK_MAX_NS.
 *
 * @param <T> type of the records
 */
public final class GeneratorSource<T>
        implements Source<T, GeneratorSource.Split, Map<Integer, Long>>, ResultTypeQueryable<T> {
    private static final long serialVersionUID = 1L;
    private static final int POLL_RECORDS = 64;
    private static final long PARK_MAX_NS = 50_000;

    /**
     * Makes the records of one subtask.
     *
     * @param <T> type of the records
     */
    public interface Generator<T> extends Serializable {
        void open(int subtask, long position);

        /** The next record, which was due at that time (0 at full speed). */
        T next(long due);
    }

    /** A subtask and how many records it has emitted. */
    public static final class Split implements SourceSplit {
        final int subtask;
        final long position;

        Split(int subtask, long position) {
            this.subtask = subtask;
            this.position = position;
        }

        @Override
        public String splitId() {
            return Integer.toString(subtask);
        }
    }

    private final Generator<T> generator;
    private final TypeInformation<T> type;
    /** Of one subtask a second; 0: as fast as it can. */
    private final double rate;

    public GeneratorSource(Generator<T> generator, TypeInformation<T> type, double rate) {
        this.generator = generator;
        this.type = type;
        this.rate = rate;
    }

    @Override
    public Boundedness getBoundedness() {
        return Boundedness.CONTINUOUS_UNBOUNDED;
    }

    @Override
    public TypeInformation<T> getProducedType() {
        return type;
    }

    @Override
    public SourceReader<T, Split> createReader(SourceReaderContext context) {
        return new Reader<>(generator, rate);
    }

    @Override
    public SplitEnumerator<Split, Map<Integer, Long>> createEnumerator(
            SplitEnumeratorContext<Split> context) {
        return new Enumerator(context, Map.of());
    }

    @Override
    public SplitEnumerator<Split, Map<Integer, Long>> restoreEnumerator(
            SplitEnumeratorContext<Split> context, Map<Integer, Long> assigned) {
        return new Enumerator(context, assigned);
    }

    @Override
    public SimpleVersionedSerializer<Split> getSplitSerializer() {
        return new SplitSerializer();
    }

    @Override
    public SimpleVersionedSerializer<Map<Integer, Long>> getEnumeratorCheckpointSerializer() {
        return new AssignedSerializer();
    }

    private static final class Reader<T> implements SourceReader<T, Split> {
        private final CompletableFuture<Void> available = new CompletableFuture<>();
        private final Generator<T> generator;
        private final double period;
        private Split split;
        private long position;
        private long start;
        private long startPosition;

        Reader(Generator<T> generator, double rate) {
            this.generator = generator;
            this.period = rate > 0 ? 1e9 / rate : 0;
        }

        @Override
        public void start() {
            // The enumerator assigns a split without being asked.
        }

        @Override
        public InputStatus pollNext(ReaderOutput<T> output) {
            if (split == null) {
                return InputStatus.NOTHING_AVAILABLE;
            }
            if (Meter.isStopping()) {
                return InputStatus.END_OF_INPUT;
            }
            if (period > 0) {
                emitDue(output);
                return InputStatus.MORE_AVAILABLE;
            }
            for (int i = 0; i < POLL_RECORDS; i++) {
                output.collect(generator.next(0));
            }
            position += POLL_RECORDS;
            return InputStatus.MORE_AVAILABLE;
        }

        private void emitDue(ReaderOutput<T> output) {
            long now = System.nanoTime();
            if (start == 0) {
                start = now;
                startPosition = position;
            }
            long due = start + (long) ((position - startPosition) * period);
            if (due > now) {
                LockSupport.parkNanos(Math.min(due - now, PARK_MAX_NS));
                return;
            }
            output.collect(generator.next(due));
            position++;
        }

        @Override
        public List<Split> snapshotState(long checkpoint) {
            return split == null ? List.of() : List.of(new Split(split.subtask, position));
        }

        @Override
        public CompletableFuture<Void> isAvailable() {
            return available;
        }

        @Override
        public void addSplits(List<Split> splits) {
            split = splits.get(0);
            position = split.position;
            generator.open(split.subtask, position);
            available.complete(null);
        }

        @Override
        public void notifyNoMoreSplits() {
            // There is one for good.
        }

        @Override
        public void close() {
            // Nothing is held.
        }
    }

    /** Gives each subtask its one split; what came back from a lost one is given again. */
    private static final class Enumerator implements SplitEnumerator<Split, Map<Integer, Long>> {
        private final SplitEnumeratorContext<Split> context;
        private final Map<Integer, Long> assigned;
        private final Map<Integer, Split> returned = new ConcurrentHashMap<>();

        Enumerator(SplitEnumeratorContext<Split> context, Map<Integer, Long> assigned) {
            this.context = context;
            this.assigned = new ConcurrentHashMap<>(assigned);
        }

        @Override
        public void start() {
            // Readers come by themselves.
        }

        @Override
        public void handleSplitRequest(int subtask, String host) {
            // Readers do not ask.
        }

        @Override
        public void addSplitsBack(List<Split> splits, int subtask) {
            splits.forEach(split -> returned.put(split.subtask, split));
        }

        @Override
        public void addReader(int subtask) {
            Split split = returned.remove(subtask);
            if (split == null && assigned.putIfAbsent(subtask, 0L) == null) {
                split = new Split(subtask, 0);
            }
            if (split != null) {
                context.assignSplits(
                        new SplitsAssignment<>(
                                split, subtask));
            }
        }

        @Override
        public Map<Integer, Long> snapshotState(long checkpoint) {
            return Map.copyOf(assigned);
        }

        @Override
        public void close() {
            // Nothing is held.
        }
    }

    private static final class SplitSerializer implements SimpleVersionedSerializer<Split> {
        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(Split split) {
            return ByteBuffer.allocate(12).putInt(split.subtask).putLong(split.position).array();
        }

        @Override
        public Split deserialize(int version, byte[] bytes) {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            return new Split(buffer.getInt(), buffer.getLong());
        }
    }

    private static final class AssignedSerializer
            implements SimpleVersionedSerializer<Map<Integer, Long>> {
        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(Map<Integer, Long> assigned) {
            ByteBuffer buffer = ByteBuffer.allocate(4 * assigned.size());
            assigned.keySet().forEach(buffer::putInt);
            return buffer.array();
        }

        @Override
        public Map<Integer, Long> deserialize(int version, byte[] bytes) {
            Map<Integer, Long> assigned = new ConcurrentHashMap<>();
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            while (buffer.hasRemaining()) {
                assigned.put(buffer.getInt(), 0L);
            }
            return assigned;
        }
    }
}
