/* SPDX-License-Identifier: Apache-2.0 */
/* A ZooKeeper server for a benchmark, asked by its four-letter words; see zookeeper.h. */
#include "suite/zookeeper.h"

#include "base/clock.h"
#include "suite/child.h"
#include "suite/proc.h"
#include <arpa/inet.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_SIZE = 65536, ANSWER_SECONDS = 2 };
static const double start_max_s = 60;
static const double look_s = 0.02;

static const char server_jar[] = "/usr/share/java/zookeeper.jar";
static const char logger_jar[] = "/usr/share/java/slf4j-simple.jar";

/* ---- What there is -------------------------------------------------------------------------- */

static bool is_in_path(const char *program)
{
    const char *at = getenv("PATH");
    char path[PATH_MAX];
    while (at != NULL && *at != '\0') {
        int size = (int)strcspn(at, ":");
        int used = snprintf(path, sizeof path, "%.*s/%s", size, at, program);
        if (used > 0 && (size_t)used < sizeof path && access(path, X_OK) == 0) {
            return true;
        }
        at += size;
        at += *at == ':';
    }
    return false;
}

bool zookeeper_is_there(char *why, size_t size)
{
    const char *missing = !is_in_path("java")             ? "no java in PATH"
                          : access(server_jar, R_OK) != 0 ? "no /usr/share/java/zookeeper.jar"
                          : access(logger_jar, R_OK) != 0
                              ? "no /usr/share/java/slf4j-simple.jar"
                              : NULL;
    if (missing != NULL) {
        snprintf(why, size,
                 "%s; Debian's packages libzookeeper-java, libslf4j-java and a headless Java "
                 "runtime bring it",
                 missing);
    }
    return missing == NULL;
}

/* ---- Asking --------------------------------------------------------------------------------- */

static int loopback_socket(struct sockaddr_in *address, uint16_t port)
{
    *address = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons(port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Asks a four-letter word. @return the answer, to be freed; NULL: none. */
static char *ask(const struct zookeeper *zookeeper, const char *word)
{
    struct sockaddr_in address;
    struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    char *answer = calloc(1, ANSWER_SIZE);
    size_t size = 0;
    int fd = loopback_socket(&address, zookeeper->port);
    if (answer != NULL && fd >= 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, word, strlen(word), MSG_NOSIGNAL) > 0) {
        ssize_t got;
        while (size < ANSWER_SIZE - 1 &&
               (got = recv(fd, answer + size, ANSWER_SIZE - 1 - size, 0)) > 0) {
            size += (size_t)got;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    if (size == 0) {
        free(answer);
        answer = NULL;
    }
    return answer;
}

bool zookeeper_transaction(const struct zookeeper *zookeeper, uint64_t *number)
{
    char *answer = ask(zookeeper, "srvr");
    const char *at = answer != NULL ? strstr(answer, "Zxid: 0x") : NULL;
    bool is_read = at != NULL && sscanf(at, "Zxid: 0x%" SCNx64, number) == 1;
    free(answer);
    return is_read;
}

size_t zookeeper_ephemerals(const struct zookeeper *zookeeper, const char *path)
{
    char *answer = ask(zookeeper, "dump");
    size_t count = 0;
    for (const char *at = answer; at != NULL && (at = strstr(at, path)) != NULL; at++) {
        count++;
    }
    free(answer);
    return count;
}

/* ---- Starting and ending -------------------------------------------------------------------- */

/* A port that nobody uses now; 0: there is none. */
static uint16_t free_port(void)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    uint16_t port = 0;
    int fd = loopback_socket(&address, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
        port = ntohs(address.sin_port);
    }
    if (fd >= 0) {
        close(fd);
    }
    return port;
}

static bool write_config(const char *path, const char *dir, uint16_t port)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return false;
    }
    fprintf(file,
            "tickTime=200\ndataDir=%s\nclientPort=%u\nclientPortAddress=127.0.0.1\n"
            "admin.enableServer=false\n4lw.commands.whitelist=*\nmaxClientCnxns=0\n",
            dir, (unsigned)port);
    return fclose(file) == 0;
}

bool zookeeper_start(struct zookeeper *zookeeper, const char *dir, char *const *environment,
                     char *why, size_t size)
{
    char config[PATH_MAX], log[PATH_MAX], jars[256];
    uint64_t number;
    snprintf(config, sizeof config, "%s/zoo.cfg", dir);
    snprintf(log, sizeof log, "%s/zookeeper.log", dir);
    snprintf(jars, sizeof jars, "%s:%s", server_jar, logger_jar);
    const char *const argv[] = {"java",
                                "-Xms16m",
                                "-Xmx128m",
                                "-XX:+UseSerialGC",
                                "-XX:TieredStopAtLevel=1",
                                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                                "-cp",
                                jars,
                                "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                                config,
                                NULL};
    why[0] = '\0';
    zookeeper->pid = 0;
    zookeeper->port = free_port();
    if (!write_config(config, dir, zookeeper->port)) {
        snprintf(why, size, "cannot write %s", config);
        return false;
    }
    int64_t deadline_ns = clock_now_ns() + (int64_t)(start_max_s * 1e9);
    zookeeper->pid = proc_start(argv, environment, log, log, SIGKILL);
    while (proc_runs(&zookeeper->pid) && clock_now_ns() < deadline_ns && child_signal() == 0) {
        if (zookeeper_transaction(zookeeper, &number)) {
            return true;
        }
        proc_pause(look_s);
    }
    if (child_signal() == 0) {
        snprintf(why, size, "ZooKeeper %s",
                 zookeeper->pid > 0 ? "does not serve after a minute"
                                    : "ended before it served; is its Java too old?");
    }
    zookeeper_end(zookeeper);
    return false;
}

void zookeeper_end(struct zookeeper *zookeeper)
{
    proc_end(&zookeeper->pid, SIGKILL, 0);
}
