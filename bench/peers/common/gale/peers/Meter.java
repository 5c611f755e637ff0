// SPDX-License-Identifier: Apache-2.0
package gale.peers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * What one JVM of a peer tells the driver: a daemon thread writes DIR/status-PID.json every 100 ms
 * (a new file that replaces the old one) and looks for DIR/stop, after which the sources emit nothing
 * more. Times are System.nanoTime(), CLOCK_MONOTONIC on Linux, the same clock in all processes.
 *
 * <p>Each task owns one Meter.Task and changes its plain fields without a lock; the thread reads them
 * without one. That costs the engines nothing; figures read while they run may be a moment old, those
 * read after everything has come to rest are exact, and only these are checked for equality.
 *
 * <p>A JVM whose driver has gone halts itself, so that nothing stays behind.
 */
public final class Meter {
    /** Keeps the counters of two tasks out of one cache line, or two; a collector may put the objects
     * side by side. Fields of a class lie before those of the classes derived from it. */
    static class Before {
        long before0, before1, before2, before3, before4, before5, before6, before7;
        long before8, before9, before10, before11, before12, before13, before14, before15;
    }

    /** Counters of one task, changed by its thread only. */
    static class Counters extends Before {
        public long emitted;
        public long executed;
        public long acked;
        public long failed;
        /** How often each sentence was emitted, between the paddings. */
        final long[] sentences = new long[PADDING + Sentences.TEXTS.length + PADDING];
    }

    /** The same, and what lies behind them. */
    static class After extends Counters {
        long after0, after1, after2, after3, after4, after5, after6, after7;
        long after8, after9, after10, after11, after12, after13, after14, after15;
    }

    /** What one task counts. */
    public static final class Task extends After {
        public final String component;
        /** Null unless the task measures latency. */
        public volatile Histogram latency;
        private final List<Word> words = new ArrayList<>();

        Task(String component) {
            this.component = component;
        }

        /** One more of that sentence was emitted. */
        public void sentence(int which) {
            sentences[PADDING + which]++;
        }

        /** The counter of a word seen for the first time; the caller keeps it in its own map. */
        public Word word(String text) {
            Word word = new Word(text);
            synchronized (words) {
                words.add(word);
            }
            return word;
        }
    }

    /** A word and how often it was counted, changed by its task only. */
    public static final class Word {
        public final String text;
        public long count;

        Word(String text) {
            this.text = text;
        }
    }

    private static final long PERIOD_MS = 100;
    /** Longs of two cache lines. */
    private static final int PADDING = 16;

    private static final List<Task> TASKS = new ArrayList<>();
    private static volatile boolean stopping;
    private static volatile long firstNanos;
    private static Path directory;
    private static long driverPid;

    private Meter() {}

    /** Registers a task; the first one of the JVM starts the thread. */
    public static synchronized Task task(String component, String controlDirectory, long driver) {
        Task task = new Task(component);
        TASKS.add(task);
        if (directory == null) {
            directory = Path.of(controlDirectory);
            driverPid = driver;
            Thread thread = new Thread(Meter::run, "meter");
            thread.setDaemon(true);
            thread.start();
        }
        return task;
    }

    /** True once the driver wants no more input. */
    public static boolean isStopping() {
        return stopping;
    }

    /** Stamps the first result of this JVM; call it for the first result of each task only. */
    public static synchronized void first() {
        if (firstNanos == 0) {
            firstNanos = System.nanoTime();
        }
    }

    /** Writes the figures now. Flink calls it when a task ends, after which no period may follow. */
    public static synchronized void flush() {
        try {
            write();
        } catch (IOException error) {
            throw new IllegalStateException("cannot write the figures into " + directory, error);
        }
    }

    private static void run() {
        while (true) {
            if (ProcessHandle.of(driverPid).isEmpty()) {
                Runtime.getRuntime().halt(1);
            }
            stopping = stopping || Files.exists(directory.resolve("stop"));
            try {
                synchronized (Meter.class) {
                    write();
                }
                Thread.sleep(PERIOD_MS);
            } catch (IOException | InterruptedException error) {
                // The driver has removed the directory or the JVM ends: no one reads any more.
                return;
            }
        }
    }

    private static void write() throws IOException {
        StringBuilder out = new StringBuilder(8192);
        long pid = ProcessHandle.current().pid();
        out.append("{\"pid\":").append(pid).append(",\"first_ns\":").append(firstNanos);
        out.append(",\"now_ns\":").append(System.nanoTime()).append(",\"tasks\":[");
        for (int i = 0; i < TASKS.size(); i++) {
            out.append(i == 0 ? "" : ",");
            writeTask(TASKS.get(i), out);
        }
        out.append("]}\n");
        Path fresh = directory.resolve("status-" + pid + ".new");
        Files.write(fresh, out.toString().getBytes(StandardCharsets.UTF_8));
        Files.move(fresh, directory.resolve("status-" + pid + ".json"),
                StandardCopyOption.ATOMIC_MOVE);
    }

    private static void writeTask(Task task, StringBuilder out) {
        out.append("{\"component\":\"").append(task.component).append('"');
        out.append(",\"emitted\":").append(task.emitted);
        out.append(",\"executed\":").append(task.executed);
        out.append(",\"acked\":").append(task.acked);
        out.append(",\"failed\":").append(task.failed);
        out.append(",\"sentences\":[");
        for (int i = 0; i < Sentences.TEXTS.length; i++) {
            out.append(i == 0 ? "" : ",").append(task.sentences[PADDING + i]);
        }
        out.append("],\"words\":{");
        synchronized (task.words) {
            for (int i = 0; i < task.words.size(); i++) {
                Word word = task.words.get(i);
                out.append(i == 0 ? "\"" : ",\"").append(word.text).append("\":");
                out.append(word.count);
            }
        }
        out.append('}');
        Histogram latency = task.latency;
        if (latency != null) {
            out.append(",\"latency\":");
            latency.write(out);
        }
        out.append('}');
    }
}
