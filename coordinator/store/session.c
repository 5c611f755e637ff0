/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a store's session at a time, from facts that the adapters collect. Pure functions,
 * any thread. */
#include "store/store.h"

enum store_link store_session_link(const struct store_session *session, int64_t now_ns)
{
    int64_t silent_ns = now_ns - session->contact_ns;
    if (session->timeout_ns == 0) {
        return session->connected ? STORE_CONNECTED : STORE_LOST;
    }
    if (session->generation == 0 || silent_ns >= session->timeout_ns / 3 * 2) {
        return STORE_LOST;
    }
    return session->connected && silent_ns < session->timeout_ns / 2 ? STORE_CONNECTED
                                                                     : STORE_SUSPENDED;
}

const char *store_link_name(enum store_link link)
{
    switch (link) {
    case STORE_CONNECTED: return "connected";
    case STORE_SUSPENDED: return "suspended";
    case STORE_LOST: return "lost";
    }
    return "unknown";
}
