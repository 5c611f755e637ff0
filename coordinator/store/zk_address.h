/* SPDX-License-Identifier: Apache-2.0 */
/* Where a ZooKeeper ensemble is: "host:port,host:port/folder" taken apart, host names resolved. */
#ifndef STORE_ZK_ADDRESS_H
#define STORE_ZK_ADDRESS_H

#include "base/buf.h"

#define ZK_FOLDER_SIZE 200 /* of the store's folder, NUL included */
#define ZK_SERVERS_MAX 64

/** Resolves the hosts (may block as long as the resolver does) into "1.2.3.4:2181,…", NUL included.
 *  @param folder "" or "/a/b". GALE_ERR_INVALID, GALE_ERR_NOT_FOUND: none resolves; GALE_ERR_LIMIT:
 *  too many servers. */
enum gale_err zk_address_resolve(const char *servers, struct buf *addresses,
                                 char folder[ZK_FOLDER_SIZE], struct gale_error *error);

#endif
