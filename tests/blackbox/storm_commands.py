# SPDX-License-Identifier: Apache-2.0
# Labels: asan
"""Storm's commands one by one (storm-client/test/py/test_storm_cli.py: what each makes of its
arguments): the ones that have a counterpart take the same arguments or name the counterpart, the
others are refused and start nothing. storm_cli.py has what they do in a row, and old reports."""
import json
import os

from common_fake import DIR, Fake, gale, refusal
from common_run import check, ok

FILE = os.path.join(DIR, "t.yaml")
with open(FILE, "w", encoding="utf-8") as file:
    file.write("name: t\nspouts:\n  a: { type: generator, constant: \"${text}\", count: 3 }\n"
               "bolts:\n  b: { type: \"null\", from: [ { a: shuffle } ] }\n")

FIGURES = {"tasks": 1, "emitted": 4, "executed": 4, "acked": 4}
TOPOLOGY = {"name": "t", "id": "a1", "status": "active", "workers": [{"index": 0}],
            "workers_up": 1, "attempt": 1, "components": [{"name": "a", "parallelism": 1},
                                                         {"name": "b", "parallelism": 1}]}
ERRORS = [{"component": "b", "task": 2, "host": "h1", "worker": 0, "text": "worse", "count": 2,
           "first_ms": 1000, "last_ms": 3000},
          {"component": "a", "task": 1, "host": "h1", "worker": 0, "text": "bad", "count": 1,
           "first_ms": 2000, "last_ms": 2000}]

status = ["active"]
fake = Fake({"submit": {"topology": "a1"}, "kill": refusal("not_found", "no topology"),
             "describe": lambda asked: {**TOPOLOGY, "status": status[0]},
             "list": {"topologies": [{**TOPOLOGY, "workers": 1, "owner": "ann"}]},
             "errors": {"errors": ERRORS}, "log_level": {}, "activate": {}, "deactivate": {},
             "sample": {"at_ms": 1, "status": "active", "components": [
                 {"name": "a", "spout": True, **FIGURES}, {"name": "b", **FIGURES}]}})


def storm(*words, code=0, **options):
    done = gale(*words, **options)
    check(done.code == code, f"{words}: {done.code} {done.out}{done.err}")
    return done


def asked(verb):
    return fake.asked(verb)[-1]


def storm_jar():
    """storm jar JAR CLASS ARGUMENTS -c KEY=VALUE"""
    check(storm("submit", FILE, "-D", "text=x", "--name", "n", fake=fake).out == "n\n", "its name")
    check(asked("submit")["name"] == "n" and asked("submit")["inactive"] is False, "submit")
    count = len(fake.asked("submit"))
    check("text" in storm("submit", FILE, fake=fake, code=78).err, "what is not given")
    check(len(fake.asked("submit")) == count, "submitted all the same")


def storm_local():
    """storm local JAR CLASS --local-ttl: runs here, without a cluster."""
    done = storm("run", FILE, "-D", "text=x", "--json", "--no-view", "--state-dir",
                 os.path.join(DIR, "state"))
    check(json.loads(done.out), "a report")


def storm_kill():
    check("no topology" in storm("kill", "t", code=66, fake=fake).err, "unknown")
    check("wait_ms" not in asked("kill"), "no wait is the topology's own")
    storm("kill", "t", "-i", "-w", "10", fake=fake)
    check(asked("kill")["wait_ms"] == 10000 and asked("kill")["name"] == "t", f"{asked('kill')}")
    storm("kill", code=64)
    storm("kill", "t", "-w", "soon", code=64, fake=fake)


def storm_activate_deactivate():
    for verb, state in (("activate", "active"), ("deactivate", "inactive")):
        status[0] = state
        storm(verb, "t", "u", fake=fake)
        check([one["name"] for one in fake.asked(verb)] == ["t", "u"], verb)
        storm(verb, code=64)
    status[0] = "finished"
    check(storm("activate", "t", "--json", fake=fake).json()["topologies"] ==
          [{"name": "t", "status": "finished"}], "woken and done")
    check("finished" in storm("deactivate", "t", code=75, fake=fake).err, "not any more")
    status[0] = "active"


def storm_list():
    check(storm("list", "-q", fake=fake).out == "t\n", "names alone")
    storm("list", "surplus", code=64, fake=fake)


def storm_get_errors():
    found = storm("errors", "t", "--json", fake=fake).json()["errors"]
    check([(one["component"], one["text"], one["count"]) for one in found] ==
          [("b", "worse", 2), ("a", "bad", 1)], f"{found}")
    found = storm("errors", "t", "a", "--json", fake=fake).json()["errors"]
    check([one["component"] for one in found] == ["a"], f"of one component: {found}")


def storm_monitor():
    """storm monitor NAME -i 4 -m COMPONENT"""
    done = storm("top", "t", "--once", "--interval", "4s", fake=fake)
    check("a" in done.out and "b" in done.out and asked("sample")["name"] == "t", done.out)
    storm("top", "t/b", "--once", fake=fake)
    check("10s" in storm("top", "t", "--interval", "4", "--once", code=64, fake=fake).err, "units")


def storm_set_log_level():
    storm("log-level", "t", "-l", "b=DEBUG:30", "-r", "a", fake=fake)
    check([(one["component"], one["level"], one["for_ms"]) for one in fake.asked("log_level")] ==
          [("b", "debug", 30000), ("a", "", 0)], f"{fake.asked('log_level')}")
    storm("log-level", "t", "-l", "b=LOUD", code=64, fake=fake)


def storm_config_option():
    """storm --config FILE: everywhere."""
    settings = os.path.join(DIR, "elsewhere.yaml")
    with open(settings, "w", encoding="utf-8") as out:
        out.write(f"coordinator.addresses: \"{fake.endpoint}\"\n")
    check(storm("list", "-q", "--config", settings).out == "t\n", "the cluster of the file")
    storm("list", "--config", os.path.join(DIR, "none.yaml"), code=78)


def storm_localconfvalue():
    done = storm("config", "show", "zookeeper.session", "-q", "--set", "zookeeper.session=7s")
    check("7s" in done.out, done.out)
    check("zookeeper.session" in storm("config", "show", "zookeeper.sesion", code=66).err, "typo")


def storm_daemons():
    """storm nimbus, supervisor, dev-zookeeper: each says what it does."""
    for name in ("coordinator", "supervisor", "dev"):
        done = storm(name, "--help")
        check(done.out.startswith(f"Usage: gale {name}") and done.err == "", done.out)
        storm(name, "--no-such-option", code=64)


def storm_version_and_help():
    check(storm("version").out.startswith("gale "), "version")
    check("submit" in storm("help").out and "Usage: gale kill" in storm("help", "kill").out, "help")


def storm_commands_that_are_called_otherwise():
    for theirs, ours in (("jar", "submit"), ("local", "run"), ("get-errors", "errors"),
                         ("monitor", "top"), ("ui", "top"), ("set_log_level", "log-level"),
                         ("logviewer", "logs"), ("nimbus", "coordinator"),
                         ("dev-zookeeper", "dev"), ("node-health-check", "doctor"),
                         ("localconfvalue", "config"), ("remoteconfvalue", "config")):
        done = storm(theirs, "x", code=64)
        check(f"did you mean `gale {ours}`?" in done.err and done.out == "", done.err)
        storm(ours, "--help")


def storm_commands_without_counterpart():
    """Nothing is done in their stead, and nobody is asked."""
    count = len(fake.requests)
    for theirs in ("upload-credentials", "blobstore", "heartbeats", "drpc", "drpc-client",
                   "kill_workers", "shell", "admin", "classpath", "server_classpath", "repl",
                   "pacemaker", "sql"):
        done = storm(theirs, "t", code=64, fake=fake)
        check(f"unknown command \"{theirs}\"" in done.err and done.out == "", done.err)
    check(len(fake.requests) == count, "somebody was asked")


for test in (storm_jar, storm_local, storm_kill, storm_activate_deactivate, storm_list,
             storm_get_errors, storm_monitor, storm_set_log_level, storm_config_option,
             storm_localconfvalue, storm_daemons, storm_version_and_help,
             storm_commands_that_are_called_otherwise, storm_commands_without_counterpart):
    test()
    ok(test.__name__)
fake.stop()
