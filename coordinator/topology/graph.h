/* SPDX-License-Identifier: Apache-2.0 */
/* Drawing a plan's graph for people and tools (`gale graph`). Pure; any thread. */
#ifndef TOPOLOGY_GRAPH_H
#define TOPOLOGY_GRAPH_H

#include "base/buf.h"
#include "core/plan.h"

enum graph_format {
    GRAPH_ASCII,   /* layered list, 7-bit */
    GRAPH_DOT,     /* Graphviz */
    GRAPH_MERMAID, /* flowchart for Markdown */
    GRAPH_JSON     /* one document, "schema": 1 */
};

/**
 * Appends the drawing, ending with a newline. Equal plans give equal bytes.
 * @param plan stays the caller's. @param out is appended to; on an error its contents are what was
 * written so far.
 * @return GALE_OK, GALE_ERR_LIMIT (past the buffer's bound) or GALE_ERR_NOMEM.
 */
enum gale_err graph_render(const struct plan *plan, enum graph_format format, struct buf *out);
/** "ascii", "dot", "mermaid", "json" → format; false when unknown. */
bool graph_format_parse(const char *text, enum graph_format *out);

#endif
