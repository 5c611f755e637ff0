/* SPDX-License-Identifier: Apache-2.0 */
/* How a spout or bolt describes itself at submit: its options and its streams. */
#ifndef GALE_COMPONENT_H
#define GALE_COMPONENT_H

#include <gale/conf.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Kinds of option values, checked at submit. */
enum gale_option_kind {
    GALE_OPTION_STRING = 0,   /**< Any scalar, taken as text. */
    GALE_OPTION_INT = 1,      /**< Integer. */
    GALE_OPTION_DOUBLE = 2,   /**< Number. */
    GALE_OPTION_BOOL = 3,     /**< true or false. */
    GALE_OPTION_DURATION = 4, /**< "30s", "250ms", or milliseconds. */
    GALE_OPTION_SIZE = 5,     /**< "64KiB", or bytes. */
    GALE_OPTION_FIELDS = 6,   /**< List of field names, or one name. */
    GALE_OPTION_LIST = 7,     /**< List of scalars, or one scalar. */
    GALE_OPTION_ANY = 8       /**< Any tree. */
};

/** One option of a component. A table ends with a NULL name. */
struct gale_option {
    const char *name;           /**< Key in the topology file. */
    enum gale_option_kind kind; /**< Checked at submit. */
    bool required;              /**< Absent is an error at submit. */
    const char *fallback;       /**< Default as text, or NULL: none. */
    const char *help;           /**< One sentence, with unit and bounds. */
};

/** Description under construction, valid during the declare callback only. */
struct gale_declare;

/** Declares an output stream; its index is the number of streams declared before.
 *  @param declare the description. @param stream its name ("default" for the usual one).
 *  @param fields comma-separated names, "" for none. @param direct true: only direct emits.
 *  @return GALE_OK or GALE_ERR_INVALID (bad or repeated name), already reported. */
GALE_API enum gale_err gale_declare_stream(struct gale_declare *declare, const char *stream,
                                           const char *fields, bool direct);
/** Number of inputs. @param declare the description. @return entries of the `from` list. */
GALE_API unsigned gale_declare_inputs(const struct gale_declare *declare);
/** Fields of an input as comma-separated names. @param declare the description.
 *  @param input its position. @return owned by the description, or NULL when not known (a cycle
 *  whose fields depend on themselves). */
GALE_API const char *gale_declare_input_fields(const struct gale_declare *declare,
                                               unsigned input);
/** Requires that an input has a field; reports "unknown field" with a suggestion if not.
 *  @param declare the description. @param input its position. @param field the name.
 *  @param option the option that named it, to show the place; may be NULL.
 *  @return GALE_OK or GALE_ERR_NOT_FOUND, already reported. */
GALE_API enum gale_err gale_declare_needs(struct gale_declare *declare, unsigned input,
                                          const char *field, const char *option);
/** Reports any other error of the component's options. @param declare the description.
 *  @param option the option concerned, to show the place; may be NULL.
 *  @param format printf format: what is wrong and what to write instead. */
GALE_API void gale_declare_error(struct gale_declare *declare, const char *option,
                                 const char *format, ...) GALE_PRINTF(3, 4);

/** Called at submit and at start, must depend on its arguments only. @param declare to be
 *  filled. @param conf the component's options. @return GALE_OK, or an error already reported. */
typedef enum gale_err (*gale_declare_fn)(struct gale_declare *declare,
                                         const struct gale_conf *conf);

#ifdef __cplusplus
}
#endif
#endif
