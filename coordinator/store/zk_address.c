/* SPDX-License-Identifier: Apache-2.0 */
/* Names are resolved by us, once: the library would do it at each attempt, on its own thread or on
 * ours, and a resolver that is slow then stops what should be watching a session. */
#include "store/zk_address.h"

#include "store/path.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HOST_SIZE 256

static enum gale_err malformed(const char *servers, struct gale_error *error)
{
    return gale_error_set(error, GALE_ERR_INVALID,
                          "ZooKeeper address \"%s\" is not of the form "
                          "host:port,host:port/folder",
                          servers);
}

/* "host:port" or "[v6]:port" of a given size into its parts. */
static bool split(const char *entry, size_t size, char host[HOST_SIZE], char port[8])
{
    const char *colon = memrchr(entry, ':', size);
    size_t host_size = colon ? (size_t)(colon - entry) : 0;
    size_t port_size = colon ? size - host_size - 1 : 0;
    if (host_size == 0 || host_size >= HOST_SIZE || port_size == 0 || port_size > 5) {
        return false;
    }
    if (entry[0] == '[' && entry[host_size - 1] == ']') {
        entry++;
        host_size -= 2;
    }
    memcpy(host, entry, host_size);
    host[host_size] = '\0';
    memcpy(port, colon + 1, port_size);
    port[port_size] = '\0';
    unsigned long number = strtoul(port, NULL, 10);
    return strspn(port, "0123456789") == port_size && number > 0 && number <= 65535;
}

/* Appends all addresses of one host. */
static enum gale_err resolve(const char *host, const char *port, struct buf *addresses,
                             size_t *count)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return GALE_OK;
    }
    enum gale_err err = GALE_OK;
    for (struct addrinfo *at = found; at && !err; at = at->ai_next) {
        char text[HOST_SIZE];
        if (getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, NULL, 0,
                        NI_NUMERICHOST) != 0) {
            continue;
        }
        *count += 1;
        err = *count > ZK_SERVERS_MAX
                  ? GALE_ERR_LIMIT
                  : buf_printf(addresses, "%s%s:%s", addresses->size ? "," : "", text, port);
    }
    freeaddrinfo(found);
    return err;
}

enum gale_err zk_address_resolve(const char *servers, struct buf *addresses,
                                 char folder[ZK_FOLDER_SIZE], struct gale_error *error)
{
    size_t hosts_size = strcspn(servers, "/");
    const char *path = servers + hosts_size;
    size_t count = 0;
    buf_clear(addresses);
    if (*path && (strlen(path) >= ZK_FOLDER_SIZE || !store_path_ok(path))) {
        return malformed(servers, error);
    }
    snprintf(folder, ZK_FOLDER_SIZE, "%s", path[0] && path[1] ? path : "");
    for (size_t at = 0; at <= hosts_size;) {
        char host[HOST_SIZE], port[8];
        size_t size = 0;
        while (at + size < hosts_size && servers[at + size] != ',') {
            size++;
        }
        if (!split(servers + at, size, host, port)) {
            return malformed(servers, error);
        }
        enum gale_err err = resolve(host, port, addresses, &count);
        if (err) {
            return gale_error_set(error, err, "ZooKeeper address \"%s\": more than %d servers",
                                  servers, ZK_SERVERS_MAX);
        }
        at += size + 1;
    }
    if (count == 0) {
        return gale_error_set(error, GALE_ERR_NOT_FOUND,
                              "none of the hosts of ZooKeeper address \"%s\" is known; check "
                              "their names and the resolver",
                              servers);
    }
    return GALE_OK;
}
