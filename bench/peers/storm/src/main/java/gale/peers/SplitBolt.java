// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.util.Map;
import org.apache.storm.task.OutputCollector;
import org.apache.storm.task.TopologyContext;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.base.BaseRichBolt;
import org.apache.storm.tuple.Fields;
import org.apache.storm.tuple.Tuple;
import org.apache.storm.tuple.Values;

/**
 * Sentences into words by indexOf, without a regular expression. At a rate the last word of a sentence
 * carries the time at which the sentence was due, the others 0.
 */
public final class SplitBolt extends BaseRichBolt {
    private static final long serialVersionUID = 1L;

    private final Settings settings;
    private transient OutputCollector collector;
    private transient Meter.Task meter;

    public SplitBolt(Settings settings) {
        this.settings = settings;
    }

    @Override
    public void prepare(Map<String, Object> conf, TopologyContext context,
            OutputCollector output) {
        collector = output;
        meter = settings.meter("split");
    }

    @Override
    public void execute(Tuple tuple) {
        String text = tuple.getString(0);
        int from = 0;
        meter.executed++;
        while (from < text.length()) {
            int end = text.indexOf(' ', from);
            boolean isLast = end < 0;
            end = isLast ? text.length() : end;
            if (end > from) {
                emit(tuple, text.substring(from, end), isLast);
            }
            from = end + 1;
        }
        if (settings.isAcked) {
            collector.ack(tuple);
        }
    }

    private void emit(Tuple anchor, String word, boolean isLast) {
        Values values = settings.rate == 0 ? new Values(word)
                : new Values(word, isLast ? anchor.getLong(1) : (Long) 0L);
        meter.emitted++;
        if (settings.isAcked) {
            collector.emit(anchor, values);
        } else {
            collector.emit(values);
        }
    }

    @Override
    public void declareOutputFields(OutputFieldsDeclarer declarer) {
        declarer.declare(settings.rate > 0 ? new Fields("word", "due") : new Fields("word"));
    }
}
