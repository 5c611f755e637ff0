# SPDX-License-Identifier: Apache-2.0
"""`gale config show` and the cluster's rows of `gale doctor`: where a value comes from is said truly,
mistakes end with exit code 78 and a way out, nothing of a cluster is complained of where there is
none.
Labels: asan"""
import json
import os
import subprocess

from common_run import DIR, GALE, check, ok, path

BASE = {key: value for key, value in os.environ.items() if not key.startswith("GALE_")}
BASE.update(HOME=DIR, XDG_CONFIG_HOME=path("none"), XDG_RUNTIME_DIR=DIR)


def gale(*words, code=0, **more):
    """(stdout, stderr) of a command that ends with that code."""
    done = subprocess.run([GALE, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          env={**BASE, **more}, timeout=60, check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    check(done.returncode == code,
          f"gale {' '.join(words)}: exit code {done.returncode} instead of {code}: {out}{err}")
    return out, err


def write(name, text):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "w", encoding="utf-8") as file:
        file.write(text)
    return path(name)


def settings(*words, **more):
    document = json.loads(gale("config", "show", "--json", *words, **more)[0])
    check(document["schema"] == 1, f"{document}")
    return document, {one["key"]: one for one in document["settings"]}


def test_show():
    built_in = gale("config", "show")[0].splitlines()
    check(built_in[0].split("\t") == ["KEY", "VALUE", "WHAT IT IS"], built_in[0])
    check("coordinator.listen\ttcp://127.0.0.1:7410\t" in "\n".join(built_in), "coordinator.listen")
    check(gale("config", "show", "--quiet")[0].splitlines() == ["KEY\tVALUE\tWHAT IT IS"],
          "--quiet shows what nobody gave")
    check(gale("config", "show", "supervisor.slots")[0] == "64\n", "the value alone")
    ok("built-in values")


def test_origins():
    user = write("user/gale/gale.yaml", "supervisor:\n  slots: 5\n  cpu: 200\nhost_timeout: 2s\n")
    named = write("named.yaml", "zookeeper: { servers: [ 'a:1', 'b:2/x' ] }\n"
                                "supervisor: { cpu: 300, name: from-file }\n")
    document, found = settings("--config", named, "--set", "log.json=true",
                               XDG_CONFIG_HOME=path("user"), GALE_SUPERVISOR_NAME="from-variable")
    check(document["files"][-2:] == [user, named], f"{document['files']}")
    for key, value, origin in (("supervisor.slots", 5, f"{user}:2"),
                               ("supervisor.cpu", 300, f"{named}:2"),
                               ("zookeeper.servers", ["a:1", "b:2/x"], f"{named}:1"),
                               ("supervisor.name", "from-variable", "GALE_SUPERVISOR_NAME"),
                               ("log.json", True, "flag --set"),
                               ("coordinator.listen", "tcp://127.0.0.1:7410", "built in")):
        one = found[key]
        check((one["value"], one["origin"]) == (value, origin), f"{one}")
        check(one["given"] == (origin != "built in"), f"{one}")
    check(found["host_timeout"]["ms"] == 2000, f"{found['host_timeout']}")
    line = gale("config", "show", "supervisor.cpu", "--origin", GALE_CONFIG=named)[0]
    check(line == f"300\t{named}:2\n", line)
    ok("each value with its source, the later one first")


def test_mistakes():
    wrong = write("wrong.yaml", "supervisor:\n  slot: 5\nlog: { level: loud }\n")
    _, text = gale("config", "show", "--config", wrong, code=78)
    for words in ("wrong.yaml:2:3: error[E103]", 'did you mean "supervisor.slots"?',
                  "wrong.yaml:3:15: error[E301]", "2 errors"):
        check(words in text, f"no \"{words}\" in {text}")
    error = json.loads(gale("config", "show", "--json", "--config", wrong, code=78)[1])["error"]
    check("slot" in error["message"] and "supervisor.slots" in error["hint"], f"{error}")
    gale("config", "show", "--config", path("absent.yaml"), code=78)
    gale("config", "show", code=78, GALE_SUPERVISOR_SLOT="1")
    gale("config", "show", "--set", "nonsense", code=64)
    gale("config", "show", "--set", "supervisor.slot=1", code=64)
    gale("config", "show", "supervisor.slot", code=66)
    gale("config", "edit", code=64)
    gale("config", code=64)
    ok("mistakes: place, nearest key, exit code")


def rows(code, **more):
    out, _ = gale("doctor", "--json", code=code, **more)
    return {row["check"]: row for row in json.loads(out)["checks"]}


def test_doctor():
    # Other checks may fail on this machine; only the rows below are looked at.
    codes = subprocess.run([GALE, "doctor", "--json"], env=BASE, capture_output=True, check=False)
    found = rows(codes.returncode)
    check(found["cluster"]["state"] == "ok" and "zookeeper" not in found, f"{found['cluster']}")
    os.makedirs(path("open"), exist_ok=True)
    os.chmod(path("open"), 0o777)
    found = rows(1, GALE_ZOOKEEPER_SERVERS="127.0.0.1:1,127.0.0.1:1/x",
                 GALE_COORDINATOR_STATE_DIR=path("open"),
                 GALE_COORDINATOR_LISTEN="tcp://192.0.2.1:7410")
    for name in ("zookeeper", "coordinator.listen", "coordinator.state_dir"):
        check(found[name]["state"] == "fail" and found[name]["advice"], f"{found[name]}")
    check(rows(1, GALE_LOG_LEVEL="loud")["settings"]["state"] == "fail", "a wrong setting is fine")
    ok("doctor: silent without a cluster, strict with one")


def main():
    test_show()
    test_origins()
    test_mistakes()
    test_doctor()


if __name__ == "__main__":
    main()
