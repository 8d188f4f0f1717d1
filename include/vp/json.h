/* JSON in: one strict parser, whose values are then read by type, never coerced.
 * JSON out: a writer that escapes, into a buffer with a ceiling.
 *
 * The parser accepts RFC 8259 and nothing else. It also refuses what parsers read differently: duplicate keys, NUL, lone
 * surrogates, bytes that are not UTF-8, a byte order mark, whole numbers beyond int64_t; and too many bytes, levels or
 * tokens. So every VP_JSON_TEXT that comes out is valid UTF-8 without NUL.
 * Freeing a document wipes its values. Several threads may read a document while no thread frees it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vp/buf.h"
#include "vp/error.h"
#include "vp/texts.h"

/* ---- in ---- */

enum {
    /* Messages may name the key that a fault is under: whoever reads them may see the text. */
    VP_JSON_TELLS_KEYS = 1,
    /* Whole numbers beyond 64 bits are accepted, and read as the nearest that fits: for documents with parts that any user
     * may write and no code reads. */
    VP_JSON_ANY_NUMBER = 2,
    /* Values are passed on as they were written: -0 is a VP_JSON_NUMBER, and a string with an escaped NUL, which no C string
     * can hold, is a VP_JSON_NUL_TEXT. Keys never hold one. */
    VP_JSON_PASSES_ON = 4,
};

/* Where a text comes from decides how much of it is taken and what a fault in it is called. */
struct vp_json_source {
    const char *what;      /* for messages: "the request", "the answer of users/current" */
    enum vp_reason reason; /* what a fault in this text means */
    size_t max_bytes;
    unsigned max_depth;    /* levels of arrays and objects */
    unsigned max_tokens;   /* values and keys in all, weighed by what they take: an object is ten, an array two */
    unsigned unique_depth; /* duplicate keys are refused down to this level of nesting, below it the last one wins;
                            * 0 = refused everywhere */
    unsigned options;      /* VP_JSON_... */
};

struct vp_json; /* a value; values inside a document are borrowed from it */

/* On success *ret_document is the root, freed by vp_json_free(). */
VP_MUST_USE enum vp_code vp_json_parse(const char *text, size_t len, const struct vp_json_source *source,
                                       struct vp_json **ret_document, struct vp_error *err);

/* In the objects under `key` in an object at level `depth`, only these members are built, and what arrays and objects hold there is left out.
 * All of it is checked as JSON, but counts as no token: for parts that any user may write and of which only this much is read. */
struct vp_json_sparse {
    const char *key;
    unsigned depth;             /* 1: in the root */
    const char *const *members; /* ends with NULL */
};

VP_MUST_USE enum vp_code vp_json_parse_sparse(const char *text, size_t len, const struct vp_json_source *source,
                                              const struct vp_json_sparse *sparse, struct vp_json **ret_document,
                                              struct vp_error *err);

/* Wipes every value of the document, then frees it. Only for roots. NULL is fine. */
void vp_json_free(struct vp_json *document);
void vp_json_freep(struct vp_json **document);

/* The bytes that a document takes, roughly. */
size_t vp_json_memory(const struct vp_json *document);

enum vp_json_type {
    VP_JSON_NULL,
    VP_JSON_BOOL,
    VP_JSON_INT,    /* a whole number within int64_t, written without fraction or exponent */
    VP_JSON_NUMBER, /* any other number */
    VP_JSON_TEXT,
    VP_JSON_NUL_TEXT, /* only with VP_JSON_PASSES_ON; can only be written again */
    VP_JSON_ARRAY,
    VP_JSON_OBJECT,
};

enum vp_json_type vp_json_type(const struct vp_json *value); /* VP_JSON_NULL for a NULL pointer */

/* The value under `key`, NULL when missing (or `object` is no object). A JSON null gives a value of type NULL. */
const struct vp_json *vp_json_get(const struct vp_json *object, const char *key);

/* For values of just that type; asserted, so look at the type first. */
const char *vp_json_text(const struct vp_json *text);
int64_t vp_json_int(const struct vp_json *number);
const char *vp_json_number(const struct vp_json *number); /* as it was written: no double is as exact */
bool vp_json_bool(const struct vp_json *boolean);

size_t vp_json_len(const struct vp_json *array_or_object);               /* 0 for other types */
const struct vp_json *vp_json_at(const struct vp_json *array, size_t i); /* NULL past the end */

/* Calls `visit` for each member in the order of the text, until it fails. */
typedef enum vp_code (*vp_json_visit)(void *context, const char *key, const struct vp_json *value,
                                      struct vp_error *err);
VP_MUST_USE enum vp_code vp_json_each(const struct vp_json *object, vp_json_visit visit, void *context,
                                      struct vp_error *err);

/* One field of an object that is decoded into a struct. Texts are borrowed from the document. */
enum vp_json_target {
    VP_JSON_TO_TEXT,   /* const char *: NULL for null and "" when VP_JSON_OR_NULL */
    VP_JSON_TO_BOOL,   /* bool */
    VP_JSON_TO_INT,    /* int64_t */
    VP_JSON_TO_TIME,   /* int64_t, seconds since 1970 of an RFC 3339 time; VP_TIME_NONE for null */
    VP_JSON_TO_TEXTS,  /* const struct vp_json *: an array of texts */
    VP_JSON_TO_ARRAY,  /* const struct vp_json * */
    VP_JSON_TO_OBJECT, /* const struct vp_json * */
};

enum {
    VP_JSON_OR_NULL = 1, /* null is allowed, and for texts and times "" is the same (the Arvados controller writes null
                          * strings as ""); without it null, "" and a missing key refuse */
    VP_JSON_OR_MISSING = 2, /* the key may be missing: the target keeps its value */
};

struct vp_json_field {
    const char *key; /* NULL ends a table */
    enum vp_json_target target;
    size_t offset;
    unsigned flags;
    size_t max_len; /* bytes of a text; 0 = VP_JSON_TEXT_MAX */
};

enum { VP_JSON_TEXT_MAX = 4096 };

/* Reads the fields of `object` into `target`. A wrong type, a missing key and an over-long text fail with the source's
 * reason, naming source and key. Keys not in the table are ignored. */
VP_MUST_USE enum vp_code vp_json_decode(const struct vp_json *object, const struct vp_json_field *fields,
                                        const struct vp_json_source *source, void *target, struct vp_error *err);

/* ---- out ---- */

/* Writes one value into `buf`. Misuse is asserted; a full buffer shows in vp_buf_check(). NULL texts become null.
 * Bytes that are not valid UTF-8 become U+FFFD, so that the result is always valid. '/' is not escaped. */
struct vp_json_writer {
    struct vp_buf *buf;
    unsigned depth;
    bool comma; /* the next value or key wants one */
};

void vp_json_begin(struct vp_json_writer *writer, struct vp_buf *buf);
void vp_json_open_object(struct vp_json_writer *writer);
void vp_json_close_object(struct vp_json_writer *writer);
void vp_json_open_array(struct vp_json_writer *writer);
void vp_json_close_array(struct vp_json_writer *writer);
void vp_json_put_key(struct vp_json_writer *writer, const char *key);
void vp_json_put_text(struct vp_json_writer *writer, const char *text);
void vp_json_put_int(struct vp_json_writer *writer, int64_t number);
void vp_json_put_bool(struct vp_json_writer *writer, bool boolean);
void vp_json_put_null(struct vp_json_writer *writer);

/* All items as an array. */
void vp_json_put_texts(struct vp_json_writer *writer, const struct vp_texts *texts);

/* A parsed value as it is; numbers that are not whole as they were written. */
void vp_json_put_value(struct vp_json_writer *writer, const struct vp_json *value);

/* Key and value in one. */
void vp_json_add_text(struct vp_json_writer *writer, const char *key, const char *text);
void vp_json_add_int(struct vp_json_writer *writer, const char *key, int64_t number);
void vp_json_add_bool(struct vp_json_writer *writer, const char *key, bool boolean);
