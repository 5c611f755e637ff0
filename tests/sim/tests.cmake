# SPDX-License-Identifier: Apache-2.0
# The simulation and its negative controls: with a check of the links switched off, it must fail.
if(TARGET gale_sim)
    set(sim_seeds 2000)
    if(GALE_SANITIZE)
        set(sim_seeds 200)
    endif()
    gale_add_test(sim sim slow gale_sim --seeds ${sim_seeds})
    gale_add_test(sim.without_duplicate_check sim slow
        gale_sim --seeds 200 --no-duplicate-check --expect "executes tuple")
    gale_add_test(sim.without_adoption sim slow
        gale_sim --seeds 600 --no-adoption --expect "without a fault")
    if(NOT GALE_SANITIZE) # It needs many seeds.
        gale_add_test(sim.without_epoch_check sim slow
            gale_sim --seeds 3000 --no-epoch-check --expect "took a batch of epoch")
    endif()
endif()
