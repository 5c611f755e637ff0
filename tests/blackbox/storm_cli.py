# SPDX-License-Identifier: Apache-2.0
# Labels: asan
"""Storm's command line: what users of `storm` type has its counterpart, and Storm's known troubles
with it stay away. Each test bears the name of the command, or of the report, that it is about."""
import os

from common_fake import DIR, Fake, gale, refusal
from common_run import check, ok

NAME = "doomed_topology"
FILE = os.path.join(DIR, "doomed.yaml")
with open(FILE, "w", encoding="utf-8") as file:
    file.write(f"name: {NAME}\nspouts:\n  a: {{ type: generator, constant: x, count: 3 }}\n"
               "bolts:\n  b: { type: \"null\", from: [ { a: shuffle } ] }\n")


class Cluster:
    """As much of a cluster as the command line sees; each look is a moment later."""

    def __init__(self):
        self.topologies = {}
        self.fake = Fake(self.answer)

    def answer(self, asked):
        return getattr(self, asked["verb"])(asked)

    def submit(self, asked):
        if asked["name"] in self.topologies:
            return refusal("exists", f"{asked['name']} is there already")
        self.topologies[asked["name"]] = ["starting", "inactive" if asked["inactive"]
                                          else "active"]
        return {"topology": "a1"}

    def kill(self, asked):
        if asked["name"] not in self.topologies:
            return refusal("not_found", f"no topology \"{asked['name']}\"")
        self.topologies[asked["name"]] = ["killed", "killed", "killed", None]
        return {}

    def activate(self, asked):
        self.topologies[asked["name"]] = ["inactive", "active"]
        return {}

    def deactivate(self, asked):
        self.topologies[asked["name"]] = ["active", "inactive"]
        return {}

    def rebalance(self, asked):
        self.topologies[asked["name"]] = ["rebalancing", "active"]
        return {}

    def list(self, _asked):
        return {"topologies": [{"name": name, "status": states[0], "owner": "ann"}
                               for name, states in self.topologies.items()]}

    def log_level(self, _asked):
        return {}

    def sample(self, _asked):
        return {"components": []}

    def errors(self, _asked):
        return {"errors": []}

    def describe(self, asked):
        states = self.topologies.get(asked["name"])
        if not states:
            return refusal("not_found", f"no topology \"{asked['name']}\"")
        status = states.pop(0) if len(states) > 1 else states[0]
        if status is None:
            del self.topologies[asked["name"]]
            return refusal("not_found", "no topology")
        return {"name": asked["name"], "id": "a1", "status": status, "workers": [{}],
                "attempt": 1 + len(self.fake.asked("rebalance")), "workers_up": 1,
                "components": [{"name": "a", "parallelism": 1}, {"name": "b", "parallelism": 1}]}


cluster = Cluster()


def storm(*arguments, code=0):
    done = gale(*arguments, fake=cluster.fake)
    check(done.code == code, f"{arguments}: {done.code} {done.err}")
    return done


def last(verb):
    return cluster.fake.asked(verb)[-1]


# storm kill -w: seconds without a unit; several names; -i ignores those that are not there.
storm("submit", FILE)
storm("kill", NAME, "-w", "10")
check(last("kill")["wait_ms"] == 10000, f"{last('kill')}")
storm("submit", FILE)
storm("submit", FILE, "--name", "another")
storm("kill", NAME, "another")
check([a["name"] for a in cluster.fake.asked("kill")][-2:] == [NAME, "another"], "several names")
storm("kill", "nobody", code=66)
storm("kill", "-i", "nobody")
ok("storm_kill_takes_seconds_and_several_names")

# STORM-193: kill returns when the name is free, so that a script may submit it again at once.
for _ in range(5):
    storm("submit", FILE)
    storm("kill", NAME)
check(not cluster.topologies, f"{cluster.topologies}")
ok("storm_193_kill_and_submit_do_not_race")

# A name that is taken is refused; nothing is replaced.
storm("submit", FILE)
check("is there already" in storm("submit", FILE, code=73).err, "name taken")
ok("storm_submit_refuses_a_running_name")

# storm activate, storm deactivate; inactive submission is flux's -i.
storm("deactivate", NAME)
check(cluster.topologies[NAME] == ["inactive"], "deactivated")
storm("activate", NAME)
check(cluster.topologies[NAME] == ["active"], "active")
storm("kill", NAME)
storm("submit", FILE, "-i")
check(last("submit")["inactive"] is True and cluster.topologies[NAME] == ["inactive"], "-i")
ok("storm_activate_and_deactivate")

# storm rebalance -n -e -e: as in Storm.
storm("rebalance", NAME, "-n", "4", "-e", "a=2", "-e", "b=3")
sent = last("rebalance")
check((sent["workers"], sent["parallelism"]) == (4, {"a": 2, "b": 3}), f"{sent}")
storm("rebalance", NAME, "--wait", "5")
check(last("rebalance")["wait_ms"] == 5000 and "workers" not in last("rebalance"), "--wait")
ok("storm_rebalance_takes_n_and_e")

# storm set_log_level -l NAME=LEVEL:SECONDS -r NAME, ROOT is all.
storm("log-level", NAME, "-l", "ROOT=DEBUG:30", "-l", "a=WARN", "-r", "b")
check([(a["component"], a["level"], a["for_ms"]) for a in cluster.fake.asked("log_level")] ==
      [("", "debug", 30000), ("a", "warn", 600000), ("b", "", 0)], "levels")
ok("storm_set_log_level_takes_l_and_r")

# A command of Storm's that is called otherwise here is named.
for theirs, ours in (("jar", "submit"), ("local", "run"), ("get-errors", "errors"),
                     ("set_log_level", "log-level"), ("monitor", "top"),
                     ("nimbus", "coordinator"), ("dev-zookeeper", "dev")):
    check(f"did you mean `gale {ours}`?" in gale(theirs).err, f"storm {theirs}")
ok("storm_commands_of_other_names_are_named")

# storm get-errors: JSON by component.
check(storm("errors", NAME, "--json").json() ==
      {"schema": 1, "topology": NAME, "errors": []}, "no errors is an empty list")
ok("storm_get_errors_as_json")

# STORM-3795: nothing but the table on stdout. STORM-1331: a form for machines. STORM-3196: owner.
done = storm("list")
check(done.err == "" and done.out.startswith("NAME\t") and "ann" in done.out, done.out)
check(storm("list", "--json").json()["topologies"][0]["owner"] == "ann", "owner")
ok("storm_3795_1331_3196_list_is_clean_has_json_and_owner")
cluster.fake.stop()
