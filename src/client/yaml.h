/* Just so much of YAML as is needed to know where in it a value would stand, and to write it there. In doubt a place is
 * refused: a value that got out of its quotes would be a key, or another value. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vp/buf.h"

enum cli_yaml_context {
    CLI_YAML_NOWHERE, /* in a comment, or amid a plain scalar */
    CLI_YAML_DOUBLE,  /* inside of "" */
    CLI_YAML_SINGLE,  /* inside of '' */
    CLI_YAML_ALONE,   /* the whole of a plain scalar */
    CLI_YAML_BLOCK,   /* a line of a block scalar (| or >) */
};

enum { CLI_YAML_LISTS_MAX = 16 };

/* The walk over a document, one character after the other. */
struct cli_yaml_scan {
    enum { CLI_YAML_IN_PLAIN, CLI_YAML_IN_DOUBLE, CLI_YAML_IN_SINGLE, CLI_YAML_IN_COMMENT } state;
    bool escaped;   /* behind a backslash in double quotes */
    bool maybe_end; /* behind a single quote in single quotes: an end, or the half of a doubled one */
    char last;      /* the last character of this line that is no blank; '\0' before it */
    enum { CLI_YAML_NO_PROPERTY, CLI_YAML_IN_PROPERTY, CLI_YAML_PROPERTY_BEFORE } property;
    bool maybe_key;                   /* behind a ? where a scalar may begin */
    bool unsure;                      /* something came that this reader does not know */
    bool items;                       /* nothing but "- " of list items in this line so far, and at least one */
    bool items_before;                /* the same before the dash that came last */
    unsigned dashes;                  /* in this line, before anything else */
    size_t lists[CLI_YAML_LISTS_MAX]; /* columns of the dashes of lists that are open */
    size_t n_lists;
    bool opens_next;      /* the line before ended where a scalar begins */
    unsigned flow;        /* how many [ and { are open */
    char before;          /* the character right before; '\n' at the start of a line */
    size_t column;        /* of the next character */
    size_t indent;        /* where this line's content begins, behind blanks and "- " */
    bool indenting;       /* nothing but blanks and dashes so far */
    bool document;        /* nothing but "--- " in this line so far */
    bool block_header;    /* the line ends with | or > and its indicators */
    bool header_at_top;   /* of the header: right behind "---" */
    size_t header_indent; /* of the header: what its lines are deeper than */
    bool in_block;
    bool block_at_top;   /* nothing that is less deep ends it */
    size_t block_indent; /* lines that are deeper belong to the block */
};

void cli_yaml_begin(struct cli_yaml_scan *scan);

/* False: a quoted scalar goes on over the end of a line. */
bool cli_yaml_scan(struct cli_yaml_scan *scan, char c);

/* What the next characters would be; `rest` is what comes behind the value. */
enum cli_yaml_context cli_yaml_context(const struct cli_yaml_scan *scan, const char *rest);

void cli_yaml_add_double(struct vp_buf *text, const char *value); /* what stands between double quotes; always fits */
bool cli_yaml_add_single(struct vp_buf *text, const char *value); /* false: it can't stand there */
bool cli_yaml_add_block(struct vp_buf *text, const char *value);
