// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.storm.spout.SpoutOutputCollector;
import org.apache.storm.task.TopologyContext;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.base.BaseRichSpout;
import org.apache.storm.tuple.Fields;
import org.apache.storm.tuple.Values;

/**
 * Sentences at full speed or, in open loop, at a rate: then each carries the time at which it was due
 * and everything due is emitted at once, so that a stall counts. The lists of values never change, so
 * at full speed each sentence needs one only.
 */
public final class SentenceSpout extends BaseRichSpout {
    private static final long serialVersionUID = 1L;

    private final Settings settings;
    private transient SpoutOutputCollector collector;
    private transient Meter.Task meter;
    private transient Trickle trickle;
    private transient Sentences sentences;
    private transient List<List<Object>> values;
    private transient double period;
    private transient long start;
    private transient Histogram latency;

    public SentenceSpout(Settings settings) {
        this.settings = settings;
    }

    @Override
    public void open(Map<String, Object> conf, TopologyContext context,
            SpoutOutputCollector output) {
        collector = output;
        trickle = new Trickle();
        meter = settings.meter("sentences");
        sentences = new Sentences(settings.seed, context.getThisTaskIndex());
        values = new ArrayList<>();
        for (String text : Sentences.TEXTS) {
            values.add(Collections.singletonList(text));
        }
        if (settings.rate > 0) {
            period = 1e9 / settings.rate;
            latency = new Histogram();
            if (settings.isAcked) {
                meter.latency = latency;
            }
        }
    }

    @Override
    public void nextTuple() {
        if (Meter.isStopping()) {
            Trickle.Due what = trickle.due();
            if (what == Trickle.Due.FILLER) {
                emitFiller();
            }
            if (what != Trickle.Due.TUPLE) {
                return;
            }
        }
        if (settings.rate == 0) {
            int which = sentences.next();
            emit(which, values.get(which), meter.emitted);
            return;
        }
        long now = System.nanoTime();
        if (start == 0) {
            start = now;
        }
        long due = start + (long) (meter.emitted * period);
        while (due <= now) {
            int which = sentences.next();
            emit(which, new Values(Sentences.TEXTS[which], due), due);
            due = start + (long) (meter.emitted * period);
        }
    }

    private void emit(int which, List<Object> tuple, long id) {
        meter.emitted++;
        meter.sentence(which);
        if (settings.isAcked) {
            collector.emit(tuple, id);
        } else {
            collector.emit(tuple);
        }
    }

    private void emitFiller() {
        List<Object> tuple = settings.rate > 0 ? new Values(Trickle.FILLER, 0L)
                : new Values(Trickle.FILLER);
        if (settings.isAcked) {
            collector.emit(tuple, Trickle.FILLER_ID);
        } else {
            collector.emit(tuple);
        }
    }

    @Override
    public void ack(Object id) {
        if (id.equals(Trickle.FILLER_ID)) {
            return;
        }
        if (meter.acked++ == 0) {
            Meter.first();
        }
        if (settings.rate > 0) {
            latency.record(System.nanoTime() - (Long) id);
        }
    }

    @Override
    public void fail(Object id) {
        if (!id.equals(Trickle.FILLER_ID)) {
            meter.failed++;
        }
    }

    @Override
    public void declareOutputFields(OutputFieldsDeclarer declarer) {
        declarer.declare(settings.rate > 0 ? new Fields("sentence", "due")
                : new Fields("sentence"));
    }
}
