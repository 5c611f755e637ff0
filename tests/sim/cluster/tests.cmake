# SPDX-License-Identifier: Apache-2.0
# The simulation of a cluster and its negative controls: without one of its safeguards it must fail.
file(GLOB sim_cluster_sources CONFIGURE_DEPENDS ${here}/sim/cluster/*.c)
if(NOT GALE_SANITIZE MATCHES "tsan|fuzz")
    add_executable(gale_sim_cluster ${sim_cluster_sources})
    target_include_directories(gale_sim_cluster PRIVATE ${here}/sim/cluster)
    target_link_libraries(gale_sim_cluster PRIVATE gale_flags gale_cluster gale_host)
    set(sim_cluster_seeds 4000)
    if(GALE_SANITIZE)
        set(sim_cluster_seeds 200)
    endif()
    gale_add_test(sim.cluster sim slow gale_sim_cluster --seeds ${sim_cluster_seeds})
    gale_add_test(sim.cluster_without_fence sim slow
        gale_sim_cluster --seeds 10000 --no-fence --expect "fenced:")
    gale_add_test(sim.cluster_without_look_up sim slow
        gale_sim_cluster --seeds 2000 --no-look-up --expect "there is no leader")
    gale_add_test(sim.cluster_without_own_timer sim slow
        gale_sim_cluster --seeds 2000 --no-own-timer --expect "timed:")
endif()
