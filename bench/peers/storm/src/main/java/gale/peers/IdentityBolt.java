// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.util.Map;
import org.apache.storm.task.OutputCollector;
import org.apache.storm.task.TopologyContext;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.base.BaseRichBolt;
import org.apache.storm.tuple.Fields;
import org.apache.storm.tuple.Tuple;

/** Emits what it receives, the same list of values; as a sink it emits nothing. */
public final class IdentityBolt extends BaseRichBolt {
    private static final long serialVersionUID = 1L;

    private final Settings settings;
    private final boolean isSink;
    private transient OutputCollector collector;
    private transient Meter.Task meter;

    public IdentityBolt(Settings settings, boolean isSink) {
        this.settings = settings;
        this.isSink = isSink;
    }

    @Override
    public void prepare(Map<String, Object> conf, TopologyContext context,
            OutputCollector output) {
        collector = output;
        meter = settings.meter(isSink ? "sink" : "identity");
    }

    @Override
    public void execute(Tuple tuple) {
        if (meter.executed++ == 0 && isSink && !settings.isAcked) {
            Meter.first();
        }
        if (!isSink) {
            meter.emitted++;
            if (settings.isAcked) {
                collector.emit(tuple, tuple.getValues());
            } else {
                collector.emit(tuple.getValues());
            }
        }
        if (settings.isAcked) {
            collector.ack(tuple);
        }
    }

    @Override
    public void declareOutputFields(OutputFieldsDeclarer declarer) {
        if (!isSink) {
            declarer.declare(new Fields("value"));
        }
    }
}
