// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.util.HashMap;
import java.util.Map;
import org.apache.storm.task.OutputCollector;
import org.apache.storm.task.TopologyContext;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.base.BaseRichBolt;
import org.apache.storm.tuple.Tuple;

/** Counts words in a map of its own, one look-up and one addition a word. */
public final class CountBolt extends BaseRichBolt {
    private static final long serialVersionUID = 1L;

    private final Settings settings;
    private transient OutputCollector collector;
    private transient Meter.Task meter;
    private transient Map<String, Meter.Word> words;

    public CountBolt(Settings settings) {
        this.settings = settings;
    }

    @Override
    public void prepare(Map<String, Object> conf, TopologyContext context,
            OutputCollector output) {
        collector = output;
        meter = settings.meter("count");
        words = new HashMap<>();
        if (settings.rate > 0) {
            meter.latency = new Histogram();
        }
    }

    @Override
    public void execute(Tuple tuple) {
        String text = tuple.getString(0);
        Meter.Word word = words.get(text);
        if (word == null) {
            word = meter.word(text);
            words.put(text, word);
        }
        word.count++;
        if (meter.executed++ == 0 && !settings.isAcked) {
            Meter.first();
        }
        if (settings.rate > 0) {
            long due = tuple.getLong(1);
            if (due != 0) {
                meter.latency.record(System.nanoTime() - due);
            }
        }
        if (settings.isAcked) {
            collector.ack(tuple);
        }
    }

    @Override
    public void declareOutputFields(OutputFieldsDeclarer declarer) {
        // It emits nothing.
    }
}
