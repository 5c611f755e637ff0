/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real ZooKeeper ensemble of one or three nodes for tests: on free loopback ports, in a temporary
 * directory, with ticks of 200 ms (sessions of 400 to 4,000 ms). Nodes are children of the test and
 * die with it. Also a relay before a node that loses a request or an answer on demand.
 */
#ifndef ZOOKEEPER_SERVER_H
#define ZOOKEEPER_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVER_NODES_MAX 3

struct server_node {
    pid_t pid; /* 0: does not run */
    int client_port, quorum_port, election_port;
};

struct server {
    char folder[64];
    int nodes_count;
    struct server_node nodes[SERVER_NODES_MAX];
};

/** Starts the nodes and waits until all of them serve; asserts that they do. */
void server_start(struct server *server, int nodes_count);
/** Kills them and removes the directory. */
void server_stop(struct server *server);
/** "127.0.0.1:p,…" + folder. */
void server_address(const struct server *server, const char *folder, char *out, size_t size);
/** Starts one node again, with its data. */
void server_node_start(struct server *server, int index);
/** Kills one node by SIGKILL and waits for its end. */
void server_node_kill(struct server *server, int index);
/** SIGSTOP or SIGCONT for all. */
void server_signal(struct server *server, int signal);
/** Waits until as many nodes serve as run. */
void server_wait(struct server *server);
/** The node that leads; -1 when none does. */
int server_leader(const struct server *server);

enum relay_mode {
    RELAY_PASS,
    RELAY_LOSE_ANSWER, /* the next multi reaches the node; its answer, and the connection, are lost */
    RELAY_LOSE_REQUEST, /* the next multi and the connection are lost */
    RELAY_HOLD_REQUEST /* from the next multi on the connection is silent; the node gets that multi
                          as soon as it has answered one of a later connection */
};

/* What became of a held multi. */
enum relay_late { RELAY_LATE_NONE, RELAY_LATE_LOST, RELAY_LATE_REFUSED, RELAY_LATE_APPLIED };

struct relay {
    pthread_t thread;
    int listener, stop_fd, port, node_port;
    _Atomic int mode;
    int held_client, held_node; /* the silent connection; 0: none */
    void *held;                 /* its multi, and the size of it */
    size_t held_size;
    int32_t multi_xid; /* of the last multi that passed */
    _Atomic int late;
    _Atomic int lost_count; /* requests and answers, so far */
};

void relay_start(struct relay *relay, int node_port);
void relay_stop(struct relay *relay);

#endif
