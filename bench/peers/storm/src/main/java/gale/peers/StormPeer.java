// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.util.HashMap;
import java.util.Map;
import org.apache.storm.Config;
import org.apache.storm.StormSubmitter;
import org.apache.storm.generated.KillOptions;
import org.apache.storm.topology.TopologyBuilder;
import org.apache.storm.tuple.Fields;
import org.apache.storm.utils.NimbusClient;
import org.apache.storm.utils.Utils;

/**
 * Submits a topology to the running cluster, or kills one: `submit NAME key=value…` and `kill NAME`.
 * Keys: workload (wordcount, identity), workers, guarantee, control, driver, seed, rate; any key with a
 * dot is Storm's own and goes into the topology's configuration. Prints the time of the submission.
 */
public final class StormPeer {
    private StormPeer() {}

    public static void main(String[] args) throws Exception {
        if (args.length == 2 && args[0].equals("kill")) {
            kill(args[1]);
        } else if (args.length > 2 && args[0].equals("submit")) {
            submit(args);
        } else {
            System.err.println("usage: StormPeer submit NAME key=value... | kill NAME");
            System.exit(64);
        }
    }

    private static void kill(String name) throws Exception {
        KillOptions options = new KillOptions();
        options.set_wait_secs(0);
        try (NimbusClient client = NimbusClient.Builder.withConf(Utils.readStormConfig()).build()) {
            client.getClient().killTopologyWithOpts(name, options);
        }
    }

    private static void submit(String[] args) throws Exception {
        Config conf = new Config();
        Map<String, String> options = new HashMap<>();
        for (int i = 2; i < args.length; i++) {
            int at = args[i].indexOf('=');
            String key = args[i].substring(0, at);
            String value = args[i].substring(at + 1);
            if (key.indexOf('.') < 0) {
                options.put(key, value);
            } else {
                conf.put(key, typed(value));
            }
        }
        int workers = Integer.parseInt(options.get("workers"));
        boolean isAcked = options.get("guarantee").equals("at-least-once");
        Settings settings = new Settings(options.get("control"),
                Long.parseLong(options.get("driver")), Long.parseLong(options.get("seed")),
                Double.parseDouble(options.get("rate")) / workers, isAcked);
        conf.setNumWorkers(workers);
        conf.setNumAckers(isAcked ? workers : 0);
        TopologyBuilder builder = new TopologyBuilder();
        if (options.get("workload").equals("identity")) {
            identity(builder, settings, workers);
        } else {
            wordCount(builder, settings, workers);
        }
        System.out.println("submitted_ns " + System.nanoTime());
        StormSubmitter.submitTopology(args[1], conf, builder.createTopology());
    }

    private static void wordCount(TopologyBuilder builder, Settings settings, int workers) {
        builder.setSpout("sentences", new SentenceSpout(settings), workers);
        builder.setBolt("split", new SplitBolt(settings), workers)
                .localOrShuffleGrouping("sentences");
        builder.setBolt("count", new CountBolt(settings), workers)
                .fieldsGrouping("split", new Fields("word"));
    }

    private static void identity(TopologyBuilder builder, Settings settings, int workers) {
        builder.setSpout("constant", new ConstantSpout(settings), workers);
        builder.setBolt("identity", new IdentityBolt(settings, false), workers)
                .localOrShuffleGrouping("constant");
        builder.setBolt("sink", new IdentityBolt(settings, true), workers)
                .localOrShuffleGrouping("identity");
    }

    /** Storm checks the types of its settings. */
    private static Object typed(String value) {
        if (value.equals("true") || value.equals("false")) {
            return Boolean.valueOf(value);
        }
        if (value.matches("-?[0-9]+")) {
            return Long.valueOf(value);
        }
        if (value.matches("-?[0-9]*\\.[0-9]+")) {
            return Double.valueOf(value);
        }
        return value;
    }
}
