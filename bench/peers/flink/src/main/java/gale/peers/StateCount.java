// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/**
 * Counts words in Flink's keyed state, which is part of each checkpoint. An operator and no function,
 * because only an operator can read the state of all keys when the input has ended: that is what the
 * meter is told and the driver checks.
 */
final class StateCount extends AbstractStreamOperator<String>
        implements OneInputStreamOperator<String, String>, BoundedOneInput {
    private static final long serialVersionUID = 1L;

    private final Settings settings;
    private transient Meter.Task meter;
    private transient ValueStateDescriptor<Long> descriptor;
    private transient ValueState<Long> counts;

    StateCount(Settings settings) {
        this.settings = settings;
    }

    @Override
    public void open() throws Exception {
        super.open();
        meter = settings.meter("count");
        descriptor = new ValueStateDescriptor<>("count", Types.LONG);
        counts = getPartitionedState(descriptor);
    }

    @Override
    public void processElement(StreamRecord<String> record) throws Exception {
        Long count = counts.value();
        counts.update(count == null ? 1L : count + 1);
        if (meter.executed++ == 0) {
            Meter.first();
        }
    }

    @Override
    public void endInput() throws Exception {
        getKeyedStateBackend().applyToAllKeys(VoidNamespace.INSTANCE,
                VoidNamespaceSerializer.INSTANCE, descriptor,
                (key, state) -> meter.word((String) key).count = state.value());
    }
}
