#include "yaml.h"

#include <stdint.h>
#include <string.h>

enum { LINE_SEPARATOR = 0x2028, PARAGRAPH_SEPARATOR = 0x2029, BYTE_ORDER_MARK = 0xFEFF };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* ---- the walk ---- */

/* Lists at this column and deeper have ended. */
static void close_lists(struct cli_yaml_scan *scan, size_t column)
{
    while (scan->n_lists > 0 && scan->lists[scan->n_lists - 1] >= column)
        scan->n_lists--;
}

static bool is_list_open(const struct cli_yaml_scan *scan, size_t column)
{
    return scan->n_lists > 0 && scan->lists[scan->n_lists - 1] == column;
}

/* Behind a dash that stands alone: it is an item where a value may begin, or where a list is open already. Anywhere else it is
 * text of a plain scalar that goes on over several lines. */
static void note_item(struct cli_yaml_scan *scan)
{
    if (scan->before != '-' || !scan->indenting || scan->in_block)
        return;
    size_t column = scan->column - 1;
    bool first = scan->dashes == 1;
    close_lists(scan, column + 1);
    bool open = first && is_list_open(scan, column);
    scan->items = scan->flow == 0 && (open || (first ? scan->opens_next : scan->items_before));
    if (scan->items && !open && scan->n_lists < CLI_YAML_LISTS_MAX)
        scan->lists[scan->n_lists++] = column;
}

/* What is neither blank, nor in a block or comment. */
static void note_visible(struct cli_yaml_scan *scan, char c)
{
    if (scan->last == '\0' && c != '-')
        close_lists(scan, scan->column);
    if (scan->indenting && c == '-') {
        scan->dashes++;
        scan->items_before = scan->items;
    }
    scan->items = false;
    scan->document = false;
    scan->last = c;
}

static void begin_line(struct cli_yaml_scan *scan)
{
    scan->unsure = scan->unsure || scan->maybe_key;
    scan->maybe_key = false;
    bool is_document = scan->dashes == 3 && scan->column == 3;
    note_item(scan);
    if (scan->block_header) {
        scan->in_block = true;
        scan->block_at_top = scan->header_at_top;
        scan->block_indent = scan->header_indent;
    }
    /* Blank lines and comments change nothing. */
    if (scan->last != '\0')
        scan->opens_next = scan->last == ':' || scan->items || is_document || scan->property != CLI_YAML_NO_PROPERTY ||
                           (scan->flow > 0 && strchr(",[{", scan->last) != NULL);
    if (is_document)
        scan->n_lists = 0;
    scan->state = CLI_YAML_IN_PLAIN;
    scan->document = false;
    scan->items = false;
    scan->dashes = 0;
    scan->property = CLI_YAML_NO_PROPERTY;
    scan->last = '\0';
    scan->before = '\n';
    scan->column = 0;
    scan->indent = 0;
    scan->indenting = true;
    scan->block_header = false;
    scan->maybe_end = false;
    scan->escaped = false;
}

void cli_yaml_begin(struct cli_yaml_scan *scan)
{
    *scan = (struct cli_yaml_scan){ .opens_next = true };
    begin_line(scan);
}

/* A scalar begins here, and does not go on from before: behind a key, a dash of a list, or what opens or parts a list or map
 * on one line; or at the start of a line behind one that ended so. */
static bool begins_scalar(const struct cli_yaml_scan *scan)
{
    if (scan->property == CLI_YAML_PROPERTY_BEFORE)
        return is_blank(scan->before);
    if (scan->last == '\0')
        return scan->opens_next;
    if (scan->flow > 0 && (scan->last == ',' || scan->last == '[' || scan->last == '{'))
        return true;
    return is_blank(scan->before) && (scan->last == ':' || scan->items || scan->document);
}

/* "key: |", "- >-", "key: |2 # words". */
static void note_header(struct cli_yaml_scan *scan, char c)
{
    if ((c == '|' || c == '>') && begins_scalar(scan) && is_blank(scan->before)) {
        scan->block_header = true;
        scan->header_at_top = scan->document;
        /* Behind a dash its lines are deeper than the dash; else than the key. */
        scan->header_indent = scan->items && scan->n_lists > 0 ? scan->lists[scan->n_lists - 1] : scan->indent;
    } else if (!is_blank(c) && strchr("+-0123456789", c) == NULL)
        scan->block_header = false;
}

/* An anchor (&x) or a tag (!x) stands before what it is for. */
static void note_property(struct cli_yaml_scan *scan, char c)
{
    /* "? " begins a key of any form, which is beyond this reader: from there on nothing is sure. */
    if (scan->maybe_key && is_blank(c))
        scan->unsure = true;
    scan->maybe_key = c == '?' && begins_scalar(scan);
    if ((c == '&' || c == '!') && begins_scalar(scan))
        scan->property = CLI_YAML_IN_PROPERTY;
    else if (is_blank(c))
        scan->property = scan->property == CLI_YAML_NO_PROPERTY ? CLI_YAML_NO_PROPERTY : CLI_YAML_PROPERTY_BEFORE;
    else if (scan->property == CLI_YAML_PROPERTY_BEFORE)
        scan->property = CLI_YAML_NO_PROPERTY;
}

static void scan_plain(struct cli_yaml_scan *scan, char c)
{
    if (c == '#' && (scan->before == '\n' || is_blank(scan->before))) {
        scan->state = CLI_YAML_IN_COMMENT;
        return;
    }
    if ((c == '[' || c == '{') && begins_scalar(scan))
        scan->flow++;
    if ((c == ']' || c == '}') && scan->flow > 0)
        scan->flow--;
    if ((c == '"' || c == '\'') && begins_scalar(scan))
        scan->state = c == '"' ? CLI_YAML_IN_DOUBLE : CLI_YAML_IN_SINGLE;
    note_header(scan, c);
    note_property(scan, c);
}

static void scan_double(struct cli_yaml_scan *scan, char c)
{
    if (scan->escaped)
        scan->escaped = false;
    else if (c == '\\')
        scan->escaped = true;
    else if (c == '"')
        scan->state = CLI_YAML_IN_PLAIN;
}

/* The end of single quotes shows only one character later. */
static void scan_single(struct cli_yaml_scan *scan, char c)
{
    if (scan->maybe_end && c != '\'') {
        scan->maybe_end = false;
        scan->state = CLI_YAML_IN_PLAIN;
        scan->last = '\'';
        scan_plain(scan, c);
    } else
        scan->maybe_end = c == '\'' && !scan->maybe_end;
}

static bool is_in_block(const struct cli_yaml_scan *scan)
{
    return scan->in_block && (scan->indenting || scan->block_at_top || scan->indent > scan->block_indent);
}

/* Blanks, and outside of blocks the dashes of lists, which move what stands behind them. A dash may itself be what ends a
 * block: only then is it seen for what it is. */
static void indent(struct cli_yaml_scan *scan, char c)
{
    if (!scan->indenting || is_blank(c))
        return;
    /* Some readers end such a block there, and some do not. */
    if (scan->in_block && scan->block_at_top && scan->column == 0)
        scan->unsure = true;
    if (scan->in_block && !scan->block_at_top && scan->column <= scan->block_indent)
        scan->in_block = false;
    if (c == '-' && !scan->in_block)
        return;
    scan->indenting = false;
    scan->indent = scan->column;
}

bool cli_yaml_scan(struct cli_yaml_scan *scan, char c)
{
    if (c == '\n' || c == '\r') {
        bool whole = scan->state == CLI_YAML_IN_PLAIN || scan->state == CLI_YAML_IN_COMMENT ||
                     (scan->state == CLI_YAML_IN_SINGLE && scan->maybe_end);
        begin_line(scan);
        return whole;
    }
    indent(scan, c);
    if (!is_in_block(scan)) {
        if (is_blank(c)) {
            scan->document = scan->document || (scan->dashes == 3 && scan->column == 3 && scan->before == '-');
            note_item(scan);
        }
        if (scan->state == CLI_YAML_IN_DOUBLE)
            scan_double(scan, c);
        else if (scan->state == CLI_YAML_IN_SINGLE)
            scan_single(scan, c);
        else if (scan->state == CLI_YAML_IN_PLAIN)
            scan_plain(scan, c);
        if (!is_blank(c) && scan->state != CLI_YAML_IN_COMMENT)
            note_visible(scan, c);
    }
    scan->before = c;
    scan->column++;
    return true;
}

/* What may follow a plain scalar: the end of the line, a comment, the end of its place in a list or map on one line. */
static bool ends_scalar(const char *rest)
{
    size_t blanks = strspn(rest, " \t");
    char c = rest[blanks];
    return c == '\0' || c == '\n' || c == '\r' || c == ',' || c == ']' || c == '}' || (c == '#' && blanks > 0);
}

enum cli_yaml_context cli_yaml_context(const struct cli_yaml_scan *scan, const char *rest)
{
    /* The value itself ends the blanks at the start of a line. */
    struct cli_yaml_scan with = *scan;
    indent(&with, 'x');
    if (with.unsure)
        return CLI_YAML_NOWHERE;
    if (is_in_block(&with))
        return CLI_YAML_BLOCK;
    if (with.state == CLI_YAML_IN_DOUBLE)
        return with.escaped ? CLI_YAML_NOWHERE : CLI_YAML_DOUBLE;
    if (with.state == CLI_YAML_IN_SINGLE)
        return with.maybe_end ? CLI_YAML_NOWHERE : CLI_YAML_SINGLE;
    if (with.state == CLI_YAML_IN_PLAIN && begins_scalar(&with) && ends_scalar(rest))
        return CLI_YAML_ALONE;
    return CLI_YAML_NOWHERE;
}

/* ---- values ---- */

/* The next character of valid UTF-8, which the JSON reader has made sure of. */
static uint32_t next_char(const char **at)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    size_t len = bytes[0] < 0x80 ? 1 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
    uint32_t c = len == 1 ? bytes[0] : bytes[0] & (0xFFU >> (len + 1));
    for (size_t i = 1; i < len && bytes[i] != '\0'; i++)
        c = c << 6 | (bytes[i] & 0x3FU);
    for (size_t i = 0; i < len && **at != '\0'; i++)
        (*at)++;
    return c;
}

void cli_yaml_add_double(struct vp_buf *text, const char *value)
{
    for (const char *at = value; *at != '\0';) {
        uint32_t c = next_char(&at);
        if (c == '"' || c == '\\')
            vp_buf_add_format(text, "\\%c", (char)c);
        else if (c >= ' ' && c <= '~')
            vp_buf_add_format(text, "%c", (char)c);
        else if (c <= UINT16_MAX)
            vp_buf_add_format(text, "\\u%04X", (unsigned)c);
        else
            vp_buf_add_format(text, "\\U%08X", (unsigned)c);
    }
}

/* Neither an end of a line in any version of YAML, nor what its readers refuse. */
static bool is_line_text(const char *value)
{
    for (const char *at = value; *at != '\0';) {
        uint32_t c = next_char(&at);
        if (c < ' ' || (c >= 0x7F && c <= 0x9F) || c == LINE_SEPARATOR || c == PARAGRAPH_SEPARATOR ||
            c == BYTE_ORDER_MARK)
            return false;
    }
    return true;
}

bool cli_yaml_add_single(struct vp_buf *text, const char *value)
{
    if (!is_line_text(value))
        return false;
    for (const char *at = value; *at != '\0'; at++)
        vp_buf_add(text, *at == '\'' ? "''" : at, *at == '\'' ? 2 : 1);
    return true;
}

/* Blanks at the start of a line would say how deep the block is. */
bool cli_yaml_add_block(struct vp_buf *text, const char *value)
{
    if (!is_line_text(value) || *value == '\0' || is_blank(*value) || is_blank(value[strlen(value) - 1]))
        return false;
    vp_buf_add_text(text, value);
    return true;
}
