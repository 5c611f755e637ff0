/* SPDX-License-Identifier: Apache-2.0 */
/* Real ZooKeeper nodes as children of the test. */
#include "zookeeper_server.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define START_SECONDS 60
#define PROBE_MS 1000
#define PAUSE_MS 20

/* Ports that are free now; all are held until the last is known. */
static void ports_find(int *ports, int count)
{
    int fds[3 * SERVER_NODES_MAX];
    for (int i = 0; i < count; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof address;
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fds[i], (struct sockaddr *)&address, size), 0);
        assert_int_equal(getsockname(fds[i], (struct sockaddr *)&address, &size), 0);
        ports[i] = ntohs(address.sin_port);
    }
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* What a node says of itself; empty when it does not serve. */
static void probe(int port, char answer[2048])
{
    size_t size = 0;
    int fd = connect_to(port);
    answer[0] = '\0';
    if (fd < 0) {
        return;
    }
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (send(fd, "srvr", 4, MSG_NOSIGNAL) == 4) {
        while (size < 2047 && poll(&wait, 1, PROBE_MS) > 0) {
            ssize_t got = recv(fd, answer + size, 2047 - size, 0);
            if (got <= 0) {
                break;
            }
            size += (size_t)got;
        }
    }
    answer[size] = '\0';
    close(fd);
}

static bool serves(int port)
{
    char answer[2048];
    probe(port, answer);
    return strstr(answer, "Mode: ") != NULL;
}

static void config_write(const struct server *server, int index)
{
    char path[128];
    const struct server_node *node = &server->nodes[index];
    snprintf(path, sizeof path, "%s/%d", server->folder, index);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/%d/myid", server->folder, index);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%d\n", index + 1);
    fclose(file);
    snprintf(path, sizeof path, "%s/%d.cfg", server->folder, index);
    file = fopen(path, "w");
    assert_non_null(file);
    /* The wide syncLimit lets a stopped ensemble go on as it was; a killed node is noticed by its
     * connections. */
    fprintf(file,
            "tickTime=200\ninitLimit=100\nsyncLimit=100\ndataDir=%s/%d\nclientPort=%d\n"
            "clientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
            "4lw.commands.whitelist=*\nmaxClientCnxns=0\n",
            server->folder, index, node->client_port);
    for (int i = 0; i < server->nodes_count && server->nodes_count > 1; i++) {
        fprintf(file, "server.%d=127.0.0.1:%d:%d\n", i + 1, server->nodes[i].quorum_port,
                server->nodes[i].election_port);
    }
    fclose(file);
}

static void node_exec(const char *folder, int index)
{
    char config[128], log[128];
    snprintf(config, sizeof config, "%s/%d.cfg", folder, index);
    snprintf(log, sizeof log, "%s/%d.log", folder, index);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    execlp("java", "java", "-Xms16m", "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
           "-Dzookeeper.forceSync=no", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
           "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar",
           "org.apache.zookeeper.server.quorum.QuorumPeerMain", config, (char *)NULL);
    _exit(127);
}

void server_node_start(struct server *server, int index)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        node_exec(server->folder, index);
    }
    server->nodes[index].pid = pid;
}

void server_node_kill(struct server *server, int index)
{
    struct server_node *node = &server->nodes[index];
    if (node->pid > 0) {
        kill(node->pid, SIGKILL);
        waitpid(node->pid, NULL, 0);
        node->pid = 0;
    }
}

void server_signal(struct server *server, int signal)
{
    for (int i = 0; i < server->nodes_count; i++) {
        if (server->nodes[i].pid > 0) {
            kill(server->nodes[i].pid, signal);
        }
    }
}

static void log_print(const struct server *server, int index)
{
    char path[128], line[512];
    snprintf(path, sizeof path, "%s/%d.log", server->folder, index);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        print_error("node %d: %s", index, line);
    }
    if (file) {
        fclose(file);
    }
}

void server_wait(struct server *server)
{
    int64_t deadline_ns = clock_now_ns() + START_SECONDS * INT64_C(1000000000);
    for (int i = 0; i < server->nodes_count; i++) {
        while (server->nodes[i].pid > 0 && !serves(server->nodes[i].client_port)) {
            if (clock_now_ns() > deadline_ns || waitpid(server->nodes[i].pid, NULL, WNOHANG)) {
                log_print(server, i);
                fail_msg("ZooKeeper node %d does not serve (Debian packages: "
                         "libzookeeper-java, default-jre-headless)",
                         i);
            }
            poll(NULL, 0, PAUSE_MS);
        }
    }
}

void server_start(struct server *server, int nodes_count)
{
    int ports[3 * SERVER_NODES_MAX];
    *server = (struct server){.nodes_count = nodes_count};
    snprintf(server->folder, sizeof server->folder, "/tmp/gale-zookeeper-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    ports_find(ports, 3 * nodes_count);
    for (int i = 0; i < nodes_count; i++) {
        server->nodes[i].client_port = ports[3 * i];
        server->nodes[i].quorum_port = ports[3 * i + 1];
        server->nodes[i].election_port = ports[3 * i + 2];
    }
    for (int i = 0; i < nodes_count; i++) {
        config_write(server, i);
        server_node_start(server, i);
    }
    server_wait(server);
}

static int entry_remove(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

void server_stop(struct server *server)
{
    for (int i = 0; i < server->nodes_count; i++) {
        server_node_kill(server, i);
    }
    if (server->folder[0]) {
        nftw(server->folder, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
    }
}

void server_address(const struct server *server, const char *folder, char *out, size_t size)
{
    size_t at = 0;
    for (int i = 0; i < server->nodes_count && at < size; i++) {
        at += (size_t)snprintf(out + at, size - at, "%s127.0.0.1:%d", i ? "," : "",
                               server->nodes[i].client_port);
    }
    if (at < size) {
        snprintf(out + at, size - at, "%s", folder);
    }
}

int server_leader(const struct server *server)
{
    char answer[2048];
    for (int i = 0; i < server->nodes_count; i++) {
        if (server->nodes[i].pid > 0) {
            probe(server->nodes[i].client_port, answer);
            if (strstr(answer, "Mode: leader") || strstr(answer, "Mode: standalone")) {
                return i;
            }
        }
    }
    return -1;
}

/* ---- The relay ------------------------------------------------------------------------------- */

#define TYPE_MULTI 14
#define NO_XID (-100) /* the session is asked for; no answer is to be lost */

/* A packet: length (4), xid (4), then for requests the type (4). */
struct half {
    int fd;
    uint8_t packet[1 << 20];
    size_t size;
};

static int32_t number_at(const struct half *half, size_t at)
{
    uint32_t number;
    memcpy(&number, half->packet + at, sizeof number);
    return (int32_t)ntohl(number);
}

/* Reads what there is. @return the size of the first packet when it is whole, 0 when not yet, -1 at
 * the end. */
static ssize_t packet_read(struct half *half, bool readable)
{
    if (readable) {
        ssize_t got = recv(half->fd, half->packet + half->size,
                           sizeof half->packet - half->size, MSG_DONTWAIT);
        if (got <= 0) {
            return -1;
        }
        half->size += (size_t)got;
    }
    ssize_t whole = half->size >= 4 ? number_at(half, 0) + 4 : 0;
    return whole > 0 && (size_t)whole <= half->size ? whole : 0;
}

static void packet_drop(struct half *half, size_t size)
{
    half->size -= size;
    memmove(half->packet, half->packet + size, half->size);
}

static void packet_send(struct half *from, int to, size_t size)
{
    (void)!send(to, from->packet, size, MSG_NOSIGNAL);
    packet_drop(from, size);
}

/* What the client sent, up to the multi that is to be lost, or whose answer is.
 * @return false when the connection is to be cut. */
static bool requests_pass(struct relay *relay, struct half *client, struct half *node,
                          bool readable, int *lost_xid)
{
    ssize_t size;
    while ((size = packet_read(client, readable)) > 0) {
        /* The first packet asks for a session and has neither xid nor type. */
        bool multi = *lost_xid != 0 && size >= 12 && number_at(client, 8) == TYPE_MULTI;
        int mode = multi ? relay->mode : RELAY_PASS;
        relay->multi_xid = multi ? number_at(client, 4) : relay->multi_xid;
        readable = false;
        /* The old session must not come back, as the node would then end its connection. */
        if (*lost_xid == 0 && relay->held && size >= 28 &&
            (number_at(client, 20) != 0 || number_at(client, 24) != 0)) {
            return false;
        }
        if (mode == RELAY_LOSE_REQUEST) {
            relay->mode = RELAY_PASS;
            relay->lost_count++;
            return false;
        }
        if (mode == RELAY_HOLD_REQUEST) {
            relay->mode = RELAY_PASS;
            relay->held_client = client->fd;
            relay->held_node = node->fd;
            relay->held_size = (size_t)size;
            relay->held = malloc((size_t)size);
            memcpy(relay->held, client->packet, (size_t)size);
            return false;
        }
        if (mode == RELAY_LOSE_ANSWER) {
            relay->mode = RELAY_PASS;
            *lost_xid = number_at(client, 4);
        } else if (*lost_xid == 0) {
            *lost_xid = NO_XID;
        }
        packet_send(client, node->fd, (size_t)size);
    }
    return size == 0;
}

/* Delivers the multi that was held, on its old connection, and notes what the node says to it: an
 * answer is length, xid, zxid (8), error, then the type of the first op's result, -1 when the multi
 * was refused. Answers to what was sent before come first. */
static void held_release(struct relay *relay)
{
    struct half *node = calloc(1, sizeof *node);
    struct pollfd wait = {.fd = relay->held_node, .events = POLLIN};
    uint32_t xid;
    memcpy(&xid, (uint8_t *)relay->held + 4, sizeof xid);
    (void)!send(relay->held_node, relay->held, relay->held_size, MSG_NOSIGNAL);
    node->fd = relay->held_node;
    enum relay_late late = RELAY_LATE_LOST;
    while (late == RELAY_LATE_LOST && poll(&wait, 1, PROBE_MS) > 0) {
        ssize_t size = packet_read(node, true);
        for (; size > 0; size = packet_read(node, false)) {
            if (size >= 24 && number_at(node, 4) == (int32_t)ntohl(xid)) {
                bool refused = number_at(node, 16) != 0 || number_at(node, 20) == -1;
                late = refused ? RELAY_LATE_REFUSED : RELAY_LATE_APPLIED;
            }
            packet_drop(node, (size_t)size);
        }
        if (size < 0) {
            break;
        }
    }
    close(relay->held_client);
    close(relay->held_node);
    free(relay->held);
    free(node);
    relay->held = NULL;
    relay->late = (int)late;
}

static bool answers_pass(struct relay *relay, struct half *client, struct half *node,
                         bool readable, int lost_xid)
{
    ssize_t size;
    while ((size = packet_read(node, readable)) > 0) {
        readable = false;
        if (lost_xid > 0 && number_at(node, 4) == lost_xid) {
            relay->lost_count++;
            return false;
        }
        bool multi = relay->held && number_at(node, 4) == relay->multi_xid;
        packet_send(node, client->fd, (size_t)size);
        if (multi) {
            held_release(relay);
        }
    }
    return size == 0;
}

/* One connection, until either side ends it or something was lost. */
static void relay_serve(struct relay *relay, int client_fd)
{
    struct half *client = calloc(1, sizeof *client), *node = calloc(1, sizeof *node);
    int lost_xid = 0;
    bool goes_on = client && node;
    if (goes_on) {
        client->fd = client_fd;
        node->fd = connect_to(relay->node_port);
        goes_on = node->fd >= 0;
    }
    while (goes_on) {
        struct pollfd wait[] = {
            {client->fd, POLLIN, 0}, {node->fd, POLLIN, 0}, {relay->stop_fd, POLLIN, 0}};
        goes_on = poll(wait, 3, -1) > 0 && !wait[2].revents &&
                  requests_pass(relay, client, node, wait[0].revents != 0, &lost_xid) &&
                  answers_pass(relay, client, node, wait[1].revents != 0, lost_xid);
    }
    bool held = relay->held && relay->held_client == client_fd;
    if (node && node->fd >= 0 && !held) {
        close(node->fd);
    }
    if (!held) {
        close(client_fd);
    }
    free(client);
    free(node);
}

static void *relay_main(void *argument)
{
    struct relay *relay = argument;
    for (;;) {
        struct pollfd wait[] = {{relay->listener, POLLIN, 0}, {relay->stop_fd, POLLIN, 0}};
        if (poll(wait, 2, -1) < 0 || wait[1].revents) {
            return NULL;
        }
        int fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            relay_serve(relay, fd);
        }
    }
}

void relay_start(struct relay *relay, int node_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *relay = (struct relay){.node_port = node_port};
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(relay->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(relay->listener, 8), 0);
    assert_int_equal(getsockname(relay->listener, (struct sockaddr *)&address, &size), 0);
    relay->port = ntohs(address.sin_port);
    relay->stop_fd = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(pthread_create(&relay->thread, NULL, relay_main, relay), 0);
}

void relay_stop(struct relay *relay)
{
    assert_int_equal(eventfd_write(relay->stop_fd, 1), 0);
    pthread_join(relay->thread, NULL);
    if (relay->held) {
        held_release(relay);
    }
    close(relay->listener);
    close(relay->stop_fd);
}
