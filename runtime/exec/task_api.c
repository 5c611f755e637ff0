/* SPDX-License-Identifier: Apache-2.0 */
/* The questions of gale/task.h that a task may ask about itself and the topology. Read-only. */
#include "exec/internal.h"

uint32_t gale_task_id(const struct gale_task *head)
{
    return task_of_const(head)->id;
}

uint32_t gale_task_index(const struct gale_task *head)
{
    return task_of_const(head)->index;
}

uint32_t gale_task_parallelism(const struct gale_task *head)
{
    return task_of_const(head)->component->parallelism;
}

const char *gale_task_component(const struct gale_task *head)
{
    return task_of_const(head)->component->name;
}

const char *gale_task_topology(const struct gale_task *head)
{
    return task_of_const(head)->exec->plan->name;
}

uint32_t gale_task_worker(const struct gale_task *head)
{
    return task_of_const(head)->exec->options.worker;
}

int64_t gale_task_now_ns(const struct gale_task *head)
{
    return task_of_const(head)->exec->now_ns;
}

uint32_t gale_task_ids_of(const struct gale_task *head, const char *component, uint32_t *ids,
                          uint32_t ids_max)
{
    const struct plan *plan = task_of_const(head)->exec->plan;
    int index = plan_component_find(plan, component);
    if (index < 0) {
        return 0;
    }
    const struct plan_component *found = &plan->components[index];
    for (uint32_t i = 0; ids && i < found->parallelism && i < ids_max; i++) {
        ids[i] = found->first_task + i;
    }
    return found->parallelism;
}

void *gale_task_resource(const struct gale_task *head, const char *name)
{
    const struct exec *exec = task_of_const(head)->exec;
    for (uint32_t i = 0; i < exec->plan->worker_hooks_count; i++) {
        if (strcmp(exec->plan->worker_hook_names[i], name) == 0) {
            return exec->worker_resources[i];
        }
    }
    return NULL;
}

static const struct plan_stream *input_stream(const struct gale_task *head, unsigned input)
{
    const struct task *task = task_of_const(head);
    if (input >= task->component->inputs_count) {
        return NULL;
    }
    const struct plan_input *found = &task->component->inputs[input];
    return &task->exec->plan->components[found->source].streams[found->stream];
}

unsigned gale_task_inputs(const struct gale_task *head)
{
    return task_of_const(head)->component->inputs_count;
}

unsigned gale_task_fields(const struct gale_task *head, unsigned input)
{
    const struct plan_stream *stream = input_stream(head, input);
    return stream ? stream->fields_count : 0;
}

const char *gale_task_field_name(const struct gale_task *head, unsigned input, unsigned field)
{
    const struct plan_stream *stream = input_stream(head, input);
    return stream && field < stream->fields_count ? stream->fields[field] : NULL;
}

int gale_task_field(const struct gale_task *head, unsigned input, const char *field)
{
    const struct plan_stream *stream = input_stream(head, input);
    for (unsigned i = 0; stream && i < stream->fields_count; i++) {
        if (strcmp(stream->fields[i], field) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int gale_task_stream(const struct gale_task *head, const char *stream)
{
    const struct plan_component *component = task_of_const(head)->component;
    for (unsigned i = 0; i < component->streams_count; i++) {
        if (strcmp(component->streams[i].name, stream) == 0) {
            return (int)i;
        }
    }
    return -1;
}

bool gale_task_stream_used(const struct gale_task *head, unsigned stream)
{
    const struct task *task = task_of_const(head);
    return stream < task->routes_count && task->routes[stream].outputs_count > 0;
}
