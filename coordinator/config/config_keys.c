/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of keys, in the order in which `gale config show` prints them. docs/cluster.md and
 * the example of /etc/gale/gale.yaml name the same keys; a test compares. Constant; any thread.
 */
#include "config/config.h"

#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define TEBIBYTE (INT64_C(1) << 40)

static const struct config_key keys[] = {
    {"zookeeper.servers", CONFIG_LIST, "", 0, 0,
     "The ensemble, host:port,host:port,host:port/folder."},
    {"zookeeper.credentials", CONFIG_PATH, "", 0, 0,
     "File with one line user:password, mode 0600; guards the folder."},
    {"zookeeper.session", CONFIG_DURATION, "10s", 100, 10 * MINUTE_MS,
     "After so long without word a coordinator loses the lead."},
    {"coordinator.addresses", CONFIG_ENDPOINTS, "", 0, 0,
     "Where coordinators answer, for those that do not ask ZooKeeper."},
    {"coordinator.listen", CONFIG_ENDPOINT, "tcp://127.0.0.1:7410", 0, 0,
     "Where this coordinator takes requests of supervisors and of the command line."},
    {"coordinator.control", CONFIG_ENDPOINT, "tcp://127.0.0.1:7411", 0, 0,
     "Where this coordinator hears the workers."},
    {"coordinator.advertise", CONFIG_TEXT, "", 0, 0,
     "Address that others reach it by, where listen and control are of every interface."},
    {"coordinator.state_dir", CONFIG_PATH, "/var/lib/gale/coordinator", 0, 0,
     "Modules and files of the submitted topologies; without ZooKeeper the store, too."},
    {"coordinator.name", CONFIG_NAME, "", 0, 0, "Name of this coordinator; the host's name."},
    {"supervisor.name", CONFIG_NAME, "", 0, 0,
     "Name of this host in the cluster; the host's name. Two must not have the same."},
    {"supervisor.address", CONFIG_TEXT, "127.0.0.1", 0, 0,
     "Address or network interface at which workers here take tuples of other hosts."},
    {"supervisor.listen", CONFIG_ENDPOINT, "tcp://127.0.0.1:7412", 0, 0,
     "Where this supervisor answers: logs and modules."},
    {"supervisor.state_dir", CONFIG_PATH, "/var/lib/gale/supervisor", 0, 0,
     "What it knows of its workers, their logs, modules and files."},
    {"supervisor.slots", CONFIG_INT, "64", 1, 1024, "Workers that may run on this host."},
    {"supervisor.memory", CONFIG_SIZE, "0", 0, 1024 * TEBIBYTE,
     "Memory that components may ask for here; 0: that of the machine."},
    {"supervisor.cpu", CONFIG_INT, "0", 0, 1000000,
     "Processor that components may ask for here, 100 = a core; 0: all cores."},
    {"host_timeout", CONFIG_DURATION, "1500ms", 200, 60 * MINUTE_MS,
     "A host that is silent so long, its workers too, is lost."},
    {"worker.silence", CONFIG_DURATION, "1500ms", 1000, 60 * MINUTE_MS,
     "A worker without a pulse for so long is killed and started again."},
    {"log.level", CONFIG_LEVEL, "info", 0, 0, "What the log shows: debug, info, warn, error."},
    {"log.json", CONFIG_BOOL, "false", 0, 0, "The log as lines of JSON."},
    {"dev.dir", CONFIG_PATH, "", 0, 0,
     "Where `gale dev` keeps its state; ~/.local/state/gale/dev."},
};

size_t config_keys_count(void)
{
    return sizeof keys / sizeof keys[0];
}

const struct config_key *config_key_at(size_t index)
{
    return index < config_keys_count() ? &keys[index] : NULL;
}

const struct config_key *config_key_find(const char *name)
{
    for (size_t i = 0; i < config_keys_count(); i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

/* A section is misspelt as a whole: "zookeper: { servers: … }" is one unknown name. */
static const char *section_suggest(const char *name)
{
    static const char *const sections[] = {"zookeeper", "coordinator", "supervisor", "worker",
                                           "log",       "dev",         NULL};
    const char *near = str_suggest(name, sections);
    return near != NULL && strcmp(near, name) != 0 ? near : NULL;
}

const char *config_key_suggest(const char *name)
{
    const char *names[sizeof keys / sizeof keys[0] + 1] = {0};
    for (size_t i = 0; i < config_keys_count(); i++) {
        names[i] = keys[i].name;
    }
    const char *near = str_suggest(name, names);
    if (near != NULL) {
        return near;
    }
    /* Many leave the section out or take another one: "slots", "coordinator.slots". */
    const char *last = strrchr(name, '.') ? strrchr(name, '.') + 1 : name;
    for (size_t i = 0; *last && i < config_keys_count(); i++) {
        const char *dot = strrchr(keys[i].name, '.');
        if (dot != NULL && strcmp(dot + 1, last) == 0) {
            return keys[i].name;
        }
    }
    return section_suggest(name);
}

void config_key_variable(const struct config_key *key, char *out, size_t size)
{
    snprintf(out, size, "GALE_%s", key->name);
    for (char *at = out; *at != '\0'; at++) {
        *at = *at == '.' ? '_' : (char)toupper((unsigned char)*at);
    }
}
