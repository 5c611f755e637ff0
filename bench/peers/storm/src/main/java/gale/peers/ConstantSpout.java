// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.storm.spout.SpoutOutputCollector;
import org.apache.storm.task.TopologyContext;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.base.BaseRichSpout;
import org.apache.storm.tuple.Fields;

/** The same tuple again and again, as in Storm's own performance set. */
public final class ConstantSpout extends BaseRichSpout {
    private static final long serialVersionUID = 1L;

    private final Settings settings;
    private transient SpoutOutputCollector collector;
    private transient Meter.Task meter;
    private transient Trickle trickle;
    private transient List<Object> values;

    public ConstantSpout(Settings settings) {
        this.settings = settings;
    }

    @Override
    public void open(Map<String, Object> conf, TopologyContext context,
            SpoutOutputCollector output) {
        collector = output;
        trickle = new Trickle();
        meter = settings.meter("constant");
        values = Collections.singletonList("gale");
    }

    @Override
    public void nextTuple() {
        if (Meter.isStopping() && trickle.due() != Trickle.Due.TUPLE) {
            return;
        }
        if (settings.isAcked) {
            collector.emit(values, meter.emitted++);
        } else {
            meter.emitted++;
            collector.emit(values);
        }
    }

    @Override
    public void ack(Object id) {
        if (meter.acked++ == 0) {
            Meter.first();
        }
    }

    @Override
    public void fail(Object id) {
        meter.failed++;
    }

    @Override
    public void declareOutputFields(OutputFieldsDeclarer declarer) {
        declarer.declare(new Fields("value"));
    }
}
