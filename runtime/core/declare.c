/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that a declare callback calls, passed on to who listens (core/declare.h). */
#include "core/declare.h"

#include <stdarg.h>
#include <stdio.h>

enum gale_err gale_declare_stream(struct gale_declare *declare, const char *stream,
                                  const char *fields, bool direct)
{
    return declare->stream(declare, stream, fields, direct);
}

unsigned gale_declare_inputs(const struct gale_declare *declare)
{
    return declare->inputs(declare);
}

const char *gale_declare_input_fields(const struct gale_declare *declare, unsigned input)
{
    return declare->input_fields(declare, input);
}

enum gale_err gale_declare_needs(struct gale_declare *declare, unsigned input,
                                 const char *field, const char *option)
{
    return declare->needs(declare, input, field, option);
}

void gale_declare_error(struct gale_declare *declare, const char *option, const char *format,
                        ...)
{
    char text[DECLARE_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    declare->error(declare, option, text);
}
