/* SPDX-License-Identifier: Apache-2.0 */
/* The tests' own in-process transport passes the suite that the real one must pass. */
#include "transport_conformance.h"
#include "transport_memory.h"

#include <stdio.h>

static void *setup(void)
{
    return memory_hub_new();
}

static void teardown(void *fixture)
{
    memory_hub_free(fixture);
}

static enum gale_err make(void *fixture, struct transport **out)
{
    return transport_memory_new(fixture, out);
}

static void endpoint(void *fixture, char *out, size_t size)
{
    (void)fixture;
    snprintf(out, size, "mem://here:*");
}

int main(void)
{
    static const struct conformance_adapter adapter = {"memory", setup, teardown, make,
                                                       endpoint};
    return transport_conformance(&adapter);
}
