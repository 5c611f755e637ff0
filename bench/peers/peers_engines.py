# SPDX-License-Identifier: Apache-2.0
"""The three engines: how each is started, measured from outside, checked and ended.

Every engine has run(cell, settings) → metrics of one run. A cell says what to run (workload,
workers, guarantee, rate), the settings say for how long. An engine that needs something running
beside its runs (Storm's daemons) starts it with the first run; close() ends it.
"""

import json
import os
import shutil
import signal
import subprocess
import time

import peers_figures
import peers_process
from peers_process import PeerError, Sampler

SPOUTS = {"wordcount": "sentences", "latency": "sentences", "memory": "sentences",
          "identity": "constant"}
RESULTS = {"wordcount": "count", "latency": "count", "memory": "count", "identity": "sink"}
TOPOLOGIES = {"wordcount": "wordcount", "latency": "wordcount", "memory": "wordcount",
              "identity": "const-id-null"}
SHARES = {"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999}
POLL_S = 0.05
START_LIMIT_S = 120
REST_LIMIT_S = 60
# So long must all counters stand still until a run is at rest.
REST_S = 0.5
STORM_NAME = "peer"
LOG_TAIL_BYTES = 2000

# What favours each peer on two cores; bench/peers/README.md says how it was found.
STORM_WORKER_OPTIONS = "-Xmx2g -XX:+UseParallelGC"
STORM_SETTINGS = {
    "topology.enable.message.timeouts": "true",
    "topology.message.timeout.secs": "60",
    "topology.stats.sample.rate": "0.001",
    "topology.disable.loadaware.messaging": "true",
    "topology.max.spout.pending": "10000",
    "topology.eventlogger.executors": "0",
}
STORM_PRODUCER_BATCH = {("wordcount", "at-least-once"): 10, ("identity", "at-least-once"): 100,
                        ("wordcount", "at-most-once"): 1000, ("identity", "at-most-once"): 1000,
                        ("latency", "at-least-once"): 1, ("latency", "at-most-once"): 1,
                        ("memory", "at-least-once"): 10}
# Between workers; Storm's own value is 1, a third of the speed here.
STORM_TRANSFER_BATCH = 100
FLINK_HEAP = ["-Xmx4g", "-Xmn3g", "-XX:+UseParallelGC"]
# A heap for speed takes what it is given. So memory is also measured with one that just does.
SMALL_HEAP_OPTIONS = ["-Xmx256m", "-XX:+UseParallelGC"]
FLINK_OPENS = ["--add-opens=java.base/java.util=ALL-UNNAMED",
               "--add-opens=java.base/java.lang=ALL-UNNAMED",
               "--add-opens=java.base/java.nio=ALL-UNNAMED"]
FLINK_OPTIONS = FLINK_HEAP + FLINK_OPENS


def wait_until(ready, limit_s, what, is_alive=lambda: True):
    """Polls until ready() gives something true, which is returned."""
    end = time.monotonic() + limit_s
    while True:
        result = ready()
        if result:
            return result
        if not is_alive():
            raise PeerError(f"{what}: the process has ended")
        if time.monotonic() > end:
            raise PeerError(f"{what}: not within {limit_s} s")
        time.sleep(POLL_S)


def log_tail(path):
    """The end of a log, for an error message."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - LOG_TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def first_result(control, count):
    """The first result's time when all of `count` JVMs work, else None."""
    statuses = peers_figures.read_statuses(control)
    stamps = [status["first_ns"] for status in statuses.values() if status["first_ns"]]
    return min(stamps) if len(statuses) == count and stamps else None


def measure_window(control, sampler, cell, settings):
    """Warm-up, then the measured window of a running JVM engine."""
    time.sleep(settings.jvm_warmup_s)
    before, first = peers_figures.read_statuses(control), sampler.sample()
    time.sleep(settings.jvm_duration_s)
    after, last = peers_figures.read_statuses(control), sampler.sample()
    metrics = peers_process.cpu_metrics(first, last)
    metrics["per_s"] = peers_figures.rate(before, after, RESULTS[cell.workload], "executed")
    metrics["per_cpu_s"] = metrics["per_s"] / metrics["cores"]
    if cell.rate:
        add_latency(metrics, before, after, cell)
    return metrics


def add_latency(metrics, before, after, cell):
    """p50_us … from emit to count, complete_p50_us … from emit to ack where there is one."""
    for component, prefix in (("count", ""), ("sentences", "complete_")):
        found = peers_figures.percentiles_us(
            peers_figures.latency_counts(before, component),
            peers_figures.latency_counts(after, component), SHARES)
        metrics.update({prefix + key: value for key, value in found.items()})
    kept = peers_figures.rate(before, after, "sentences", "emitted")
    if "p50_us" not in metrics or kept < 0.95 * cell.rate:
        raise PeerError(f"the rate of {cell.rate}/s was not kept: {kept:.0f}/s")


def add_memory(metrics, sampler):
    metrics["memory_mb"] = sampler.memory_kb / 1024
    metrics["daemons_mb"] = sampler.daemons_kb / 1024


class Gale:
    """`gale run FILE --json`, as a user runs it."""

    name = "gale"

    def __init__(self, binary, bench, work):
        self.binary = binary
        self.bench = bench
        self.work = work

    def version(self):
        return f"gale {self.about().get('version', 'unknown')}"

    def commit(self):
        """Commit that the binary was built from, which the tree may have left since."""
        return self.about().get("commit", "unknown")

    def about(self):
        done = subprocess.run([self.binary, "version", "--json"], stdout=subprocess.PIPE,
                              text=True, check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {}

    def command(self, cell, settings, result):
        path = os.path.join(self.bench, TOPOLOGIES[cell.workload] + ".yaml")
        command = [self.binary, "run", path, "--fresh", "--json",
                   "--state-dir", os.path.join(self.work, "state"),
                   "--duration",
                   f"{(settings.gale_warmup_s + settings.gale_duration_s) * 1000:.0f}ms",
                   "--warmup", f"{settings.gale_warmup_s * 1000:.0f}ms"]
        defines = {"workers": cell.workers, "guarantee": cell.guarantee, "rate": cell.rate,
                   "seed": settings.seed, "result": result}
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for key, value in defines.items():
            if "${" + key in text:
                command += ["-D", f"{key}={value}"]
        return command

    def run(self, cell, settings):
        result = os.path.join(self.work, "gale-result")
        output, log = os.path.join(self.work, "gale-out"), os.path.join(self.work, "gale-log")
        command = self.command(cell, settings, result)
        if os.path.exists(result):
            os.remove(result)
        began_ns = time.monotonic_ns()
        with open(output, "wb") as out, open(log, "wb") as err:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                       start_new_session=True,
                                       preexec_fn=peers_process.die_with_parent)
        with Sampler(lambda: [process.pid]) as sampler:
            try:
                code = process.wait(settings.gale_warmup_s + settings.gale_duration_s + 60)
            except subprocess.TimeoutExpired as error:
                raise PeerError(f"{' '.join(command)}: does not end") from error
        if code != 0:
            raise PeerError(f"{' '.join(command)}: exit code {code}\n{log_tail(log)}")
        with open(output, encoding="utf-8") as file:
            report = json.load(file)
        # The warm-up begins when the workers are up, just before the first tuple.
        start_ns = (report.get("first_acked_at_ns") or began_ns) - began_ns
        window = (began_ns + start_ns) / 1e9 + settings.gale_warmup_s
        first, last = sampler.between(window, window + report["elapsed_s"])
        metrics = peers_process.cpu_metrics(first, last)
        add_memory(metrics, sampler)
        self.add_report(metrics, report, cell)
        # From before the process was made, as with the other engines.
        metrics["start_ms"] = start_ns / 1e6 or None
        metrics["check"] = check_gale(report, cell.workload, result)
        return metrics

    @staticmethod
    def add_report(metrics, report, cell):
        executed = report["bolts"][RESULTS[cell.workload]]["executed"]
        metrics["per_s"] = executed / report["elapsed_s"]
        metrics["per_cpu_s"] = metrics["per_s"] / metrics["cores"]
        latency = report.get("complete_latency_us")
        if cell.rate and latency:
            metrics.update(p50_us=latency["p50"], p99_us=latency["p99"],
                           p999_us=latency["p999"])
            kept = report["spouts"]["sentences"]["emitted"] / report["elapsed_s"]
            if kept < 0.95 * cell.rate:
                raise PeerError(f"the rate of {cell.rate}/s was not kept: {kept:.0f}/s")

    def close(self):
        shutil.rmtree(os.path.join(self.work, "state"), ignore_errors=True)


def counted(component):
    """Counters since the start, warm-up included."""
    if "total" not in component:
        raise PeerError("the report of gale run has no totals: build a newer gale (make build)")
    return component["total"]


def check_gale(report, workload, result):
    """Nothing failed; each bolt executed exactly what the one before it emitted; exact counts."""
    for name, spout in report["spouts"].items():
        if spout["failed"] or spout["timed_out"]:
            raise PeerError(f"wrong result: {name}: {spout['failed']} failed, "
                            f"{spout['timed_out']} timed out")
    spout, bolts = counted(report["spouts"][SPOUTS[workload]]), report["bolts"]
    chain = [(SPOUTS[workload], spout)] + [
        (name, counted(bolts[name])) for name in
        (("identity", "sink") if workload == "identity" else ("split", "count"))]
    for (before, source), (after, bolt) in zip(chain, chain[1:]):
        if source["emitted"] != bolt["executed"] or bolt["executed"] == 0:
            raise PeerError(f"wrong result: {before} emitted {source['emitted']} tuples, "
                            f"{after} executed {bolt['executed']}")
    if workload == "identity":
        said = f"all of {spout['emitted']} tuples came through both steps"
    else:
        said = peers_figures.check_result_file(result, spout["emitted"])
    if report["guarantee"] == "at-least-once":
        if spout["acked"] != spout["emitted"]:
            raise PeerError(f"wrong result: {spout['emitted']} emitted, {spout['acked']} acked")
        said += ", each acked once, none failed"
    return said


class Flink:
    """A mini cluster in a JVM of its own, one JVM a run."""

    name = "flink"

    def __init__(self, build, work):
        self.classes = os.pathsep.join([os.path.join(build, "flink", "flink-peer.jar"),
                                        os.path.join(build, "flink", "lib", "*")])
        self.work = work

    def command(self, cell, settings, control):
        heap = SMALL_HEAP_OPTIONS if cell.workload == "memory" else FLINK_HEAP
        return (["java"] + heap + FLINK_OPENS
                + ["-Djava.io.tmpdir=" + self.work, "-cp", self.classes, "gale.peers.FlinkPeer",
                   "workload=" + ("identity" if cell.workload == "identity" else "wordcount"),
                   f"parallelism={cell.workers}", f"guarantee={cell.guarantee}",
                   f"rate={cell.rate}", f"seed={settings.seed}",
                   f"buffer_timeout_ms={cell.buffer_timeout_ms}",
                   f"control={control}", f"driver={os.getpid()}"])

    def run(self, cell, settings):
        control = os.path.join(self.work, "flink-control")
        log = os.path.join(self.work, "flink-log")
        shutil.rmtree(control, ignore_errors=True)
        os.mkdir(control)
        began = time.monotonic_ns()
        process = peers_process.start(self.command(cell, settings, control), log)
        try:
            with Sampler(lambda: [process.pid]) as sampler:
                first = wait_until(lambda: first_result(control, 1), START_LIMIT_S,
                                   "Flink's first result", lambda: process.poll() is None)
                metrics = measure_window(control, sampler, cell, settings)
                with open(os.path.join(control, "stop"), "wb"):
                    pass
                code = process.wait(REST_LIMIT_S)
            if code != 0:
                raise PeerError(f"Flink ended with exit code {code}")
        except (PeerError, subprocess.TimeoutExpired) as error:
            process.kill()
            process.wait()
            raise PeerError(f"{error}\n{log_tail(log)}") from error
        metrics["start_ms"] = (first - began) / 1e6
        add_memory(metrics, sampler)
        metrics["check"] = peers_figures.check(peers_figures.read_statuses(control),
                                               cell.workload, SPOUTS[cell.workload], False)
        return metrics

    def close(self):
        """Nothing stays between runs."""


class Storm:
    """A cluster on this machine: ZooKeeper, nimbus and supervisor stay, workers come with a run."""

    name = "storm"

    def __init__(self, build, work):
        self.build = os.path.join(build, "storm")
        self.work = os.path.join(work, "storm")
        self.home = os.path.join(self.work, "home")
        self.conf = os.path.join(self.home, "conf", "storm.yaml")
        self.daemons = []

    def close(self):
        """Ends the daemons, workers first; the driver's stop_all finds whatever is left."""
        for pid in peers_process.tree([p.pid for p in self.daemons]):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in self.daemons:
            process.wait()
        self.daemons = []

    def start(self):
        """Starts the cluster; what did not come up is taken down again."""
        try:
            self.start_daemons()
        except PeerError as error:
            tails = "".join(f"\n--- {name}:\n{self.log(name)[-LOG_TAIL_BYTES:]}"
                            for name in ("zookeeper", "nimbus", "supervisor"))
            self.close()
            raise PeerError(f"{error}{tails}") from error

    def start_daemons(self):
        """Lays out a home directory from the jars and starts the three daemons."""
        shutil.rmtree(self.home, ignore_errors=True)
        for name in ("conf", "log4j2", "local", "zookeeper", "logs"):
            os.makedirs(os.path.join(self.home, name), exist_ok=True)
        for name in ("lib", "lib-worker"):
            os.symlink(os.path.join(self.build, name), os.path.join(self.home, name))
        zookeeper, thrift, *slots = peers_process.free_ports(4)
        self.write_files(zookeeper, thrift, slots)
        classes = [os.path.join(self.home, "lib", "*"), os.path.join(self.home, "conf")]
        self.daemon("zookeeper", classes, ["-Xmx128m", "-Dzookeeper.admin.enableServer=false"],
                    ["org.apache.storm.shade.org.apache.zookeeper.server.ZooKeeperServerMain",
                     os.path.join(self.home, "conf", "zoo.cfg")])
        self.daemon("nimbus", classes, ["-Xmx256m"], ["org.apache.storm.daemon.nimbus.Nimbus"])
        self.daemon("supervisor", classes, ["-Xmx256m"],
                    ["org.apache.storm.daemon.supervisor.Supervisor"])
        wait_until(lambda: "Starting supervisor with id" in self.log("supervisor")
                   and "Starting nimbus server" in self.log("nimbus"), START_LIMIT_S,
                   "Storm's daemons", self.is_alive)

    def is_alive(self):
        return all(process.poll() is None for process in self.daemons)

    def log(self, name):
        try:
            with open(os.path.join(self.home, "logs", name + ".log"), encoding="utf-8",
                      errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def write_files(self, zookeeper, thrift, slots):
        def write(path, text):
            with open(os.path.join(self.home, path), "w", encoding="utf-8") as file:
                file.write(text)
        write("conf/zoo.cfg", f"dataDir={self.home}/zookeeper\nclientPort={zookeeper}\n"
              "clientPortAddress=127.0.0.1\ntickTime=2000\nmaxClientCnxns=0\n")
        write("conf/storm.yaml", "\n".join([
            'storm.zookeeper.servers: ["127.0.0.1"]', f"storm.zookeeper.port: {zookeeper}",
            'nimbus.seeds: ["127.0.0.1"]', f"nimbus.thrift.port: {thrift}",
            'storm.local.hostname: "127.0.0.1"', f'storm.local.dir: "{self.home}/local"',
            f'storm.log4j2.conf.dir: "{self.home}/log4j2"',
            f"supervisor.slots.ports: [{', '.join(map(str, slots))}]",
            f'worker.childopts: "{STORM_WORKER_OPTIONS} -Djava.net.preferIPv4Stack=true"',
            "worker.heap.memory.mb: 2048", "topology.worker.max.heap.size.mb: 4096",
            "supervisor.memory.capacity.mb: 16384", "storm.health.check.dir: \"none\"",
            "supervisor.monitor.frequency.secs: 1", "nimbus.monitor.freq.secs: 1",
            "supervisor.worker.shutdown.sleep.secs: 1", "task.heartbeat.frequency.secs: 3",
            "nimbus.task.launch.secs: 120", "supervisor.worker.start.timeout.secs: 120", ""]))
        # One layout for all processes; a worker's own output goes to its LogWriter.
        write("log4j2/worker.xml", LOG4J)
        write("log4j2/cluster.xml", LOG4J)

    def java(self, classes, options, arguments):
        return (["java"] + options
                + [f"-Dstorm.home={self.home}", f"-Dstorm.conf.file={self.conf}",
                   f"-Dstorm.log.dir={self.home}/logs", f"-Djava.io.tmpdir={self.work}",
                   f"-Dlog4j2.configurationFile={self.home}/log4j2/cluster.xml",
                   "-Djava.net.preferIPv4Stack=true", "-cp", os.pathsep.join(classes)]
                + arguments)

    def daemon(self, name, classes, options, arguments):
        # The supervisor starts workers by the `java` of JAVA_HOME or PATH.
        self.daemons.append(peers_process.start(
            self.java(classes, options, arguments),
            os.path.join(self.home, "logs", name + ".log"),
            dict(os.environ, STORM_CONF_DIR=os.path.join(self.home, "conf"))))

    def client(self, arguments, options=()):
        """A run of StormPeer; its output."""
        jar = os.path.join(self.build, "storm-peer.jar")
        classes = [jar, os.path.join(self.home, "lib-worker", "*")]
        command = self.java(classes, [f"-Dstorm.jar={jar}"] + list(options),
                            ["gale.peers.StormPeer"] + arguments)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=START_LIMIT_S, check=False)
        if done.returncode != 0:
            raise PeerError(f"Storm's client: exit code {done.returncode}\n"
                            f"{done.stdout[-LOG_TAIL_BYTES:]}")
        return done.stdout

    def submit(self, cell, settings, control):
        """The time at which the topology was handed in."""
        workload = "identity" if cell.workload == "identity" else "wordcount"
        conf = dict(STORM_SETTINGS, **{"topology.producer.batch.size": STORM_PRODUCER_BATCH[
            (cell.workload, cell.guarantee)]})
        if cell.workers > 1:
            conf["topology.transfer.batch.size"] = STORM_TRANSFER_BATCH
        if cell.workload == "memory":
            # They come after worker.childopts, and of two the JVM takes the later one.
            conf["topology.worker.childopts"] = " ".join(SMALL_HEAP_OPTIONS)
        conf.update(settings.storm)
        arguments = [f"workload={workload}", f"workers={cell.workers}",
                     f"guarantee={cell.guarantee}", f"rate={cell.rate}", f"seed={settings.seed}",
                     f"control={control}", f"driver={os.getpid()}"]
        output = self.client(["submit", STORM_NAME] + arguments
                             + [f"{key}={value}" for key, value in conf.items()])
        for line in output.splitlines():
            if line.startswith("submitted_ns "):
                return int(line.split()[1])
        raise PeerError(f"Storm's client did not submit:\n{output[-LOG_TAIL_BYTES:]}")

    def worker_pids(self):
        """The JVMs that run tasks, without the LogWriter that started each."""
        found = set()
        for pid in peers_process.tree([p.pid for p in self.daemons]):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if b"org.apache.storm.daemon.worker.Worker" in words \
                    and b"org.apache.storm.LogWriter" not in words:
                found.add(pid)
        return found

    def run(self, cell, settings):
        if not self.daemons:
            self.start()
        control = os.path.join(self.work, "control")
        shutil.rmtree(control, ignore_errors=True)
        os.mkdir(control)
        workers = set()
        roots = [process.pid for process in self.daemons]
        try:
            with Sampler(lambda: roots, lambda pid: pid not in workers) as sampler:
                submitted = self.submit(cell, settings, control)
                first = wait_until(lambda: first_result(control, cell.workers), START_LIMIT_S,
                                   "Storm's first result", self.is_alive)
                workers.update(self.worker_pids())
                # What was seen before the workers were known counted them as daemons.
                sampler.daemons_kb = 0
                metrics = measure_window(control, sampler, cell, settings)
                with open(os.path.join(control, "stop"), "wb"):
                    pass
                metrics["check"] = self.rest(control, cell)
            metrics["start_ms"] = (first - submitted) / 1e6
            add_memory(metrics, sampler)
        finally:
            self.kill()
        return metrics

    @staticmethod
    def rest(control, cell):
        """The check of the figures once all counters stand still, by the clock of each JVM. Storm may
        hold a part of a batch for long on a busy machine: a result is wrong when it stays so."""
        end, last, since = time.monotonic() + REST_LIMIT_S, None, {}
        while True:
            statuses = peers_figures.read_statuses(control)
            clocks = {pid: status["now_ns"] for pid, status in statuses.items()}
            now = {pid: [(t["emitted"], t["executed"], t["acked"]) for t in status["tasks"]]
                   for pid, status in statuses.items()}
            if now != last:
                last, since = now, clocks
            elif min(clocks[pid] - since[pid] for pid in clocks) > REST_S * 1e9:
                try:
                    return peers_figures.check(statuses, cell.workload, SPOUTS[cell.workload],
                                               cell.guarantee == "at-least-once")
                except PeerError:
                    if time.monotonic() > end:
                        raise
            if time.monotonic() > end:
                raise PeerError("Storm's topology does not come to rest")
            time.sleep(POLL_S)

    def kill(self):
        """Kills the topology and waits until its workers are gone; else the cluster is started anew."""
        try:
            self.client(["kill", STORM_NAME])
            wait_until(lambda: not self.worker_pids(), REST_LIMIT_S, "the end of Storm's workers",
                       self.is_alive)
        except (PeerError, subprocess.TimeoutExpired):
            self.close()


LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<configuration><appenders><Console name="out" target="SYSTEM_OUT">
<PatternLayout pattern="%d{HH:mm:ss.SSS} %c{1} [%p] %msg%n%throwable"/></Console></appenders>
<loggers><root level="INFO"><AppenderRef ref="out"/></root></loggers></configuration>
"""
