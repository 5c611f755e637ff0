/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that no gale makes: wrong types and values of other tools. A coordinator refuses them and
 * goes on. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN \
    "name: t\nworkers: 2\nspouts:\n  s: { type: saving, parallelism: 2 }\n" \
    "bolts:\n  b: { type: plain, parallelism: 2, from: [ { s: shuffle } ] }\n"

static struct world world;

static int setup(void **state)
{
    (void)state;
    world_open(&world);
    world_coordinator(&world, 0);
    world_host(&world, "h1", 4);
    world_run(&world, 500);
    assert_int_equal(world_submit(&world, PLAIN, NULL), GALE_OK);
    world_until(&world, "t", "active");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

/* ---- rebalance ------------------------------------------------------------------------------- */

static void rebalance_parallelism_no_map_is_refused(void **state)
{
    (void)state;
    struct gale_conf *request = world_request("rebalance", "t"), *node = NULL;
    conf_add_map(request, "parallelism", &node);
    tree_put_int(node, "b", 1);
    assert_int_equal(world_ask(&world, 0, request, NULL, 0), GALE_OK);
    world_until(&world, "t", "active");
    request = world_request("rebalance", "t");
    conf_add_list(request, "parallelism", &node);
    tree_put_int(node, NULL, 1);
    assert_int_equal(world_ask(&world, 0, request, NULL, 0), GALE_ERR_INVALID);
    request = world_request("rebalance", "t");
    tree_put_text(request, "parallelism", "b");
    assert_int_equal(world_ask(&world, 0, request, NULL, 0), GALE_ERR_INVALID);
    assert_string_equal(world_status(&world, "t"), "active");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rebalance_parallelism_no_map_is_refused, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
