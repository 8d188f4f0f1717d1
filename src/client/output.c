#include "output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vp/json.h"
#include "vp/texts.h"

#include "files.h"

enum { CELL_MAX = 4096, COLUMNS_MAX = 16, LINE_ITEMS_MAX = 6 };

static const struct vp_json_source OWN = {
    .what = "our own output",
    .reason = VP_REASON_INTERNAL,
    .max_bytes = CLI_OUTPUT_MAX,
    .max_depth = 64,
    .max_tokens = 500000,
};

enum vp_code cli_output_format_parse(const char *text, enum cli_output_format *ret_format, struct vp_error *err)
{
    if (text != NULL && strcmp(text, "json") != 0 && strcmp(text, "table") != 0)
        return vp_fail(err, VP_REASON_USAGE, "--format is json or table");
    *ret_format = text != NULL && strcmp(text, "json") == 0 ? CLI_OUTPUT_JSON : CLI_OUTPUT_TABLE;
    return VP_OK;
}

/* ---- colours ---- */

static const char *colour(const char *sequence)
{
    const char *no_colour = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) == 1 && (no_colour == NULL || *no_colour == '\0') ? sequence : "";
}

const char *cli_output_bold(void)
{
    return colour("\033[1m");
}

const char *cli_output_red(void)
{
    return colour("\033[31m");
}

const char *cli_output_green(void)
{
    return colour("\033[32m");
}

const char *cli_output_plain(void)
{
    return colour("\033[0m");
}

/* ---- raw ---- */

enum vp_code cli_output_raw(const struct vp_buf *text, struct vp_error *err)
{
    VP_TRY(cli_files_write_all(STDOUT_FILENO, vp_buf_text(text), text->len, "standard output", err));
    if (isatty(STDOUT_FILENO) == 1 && (text->len == 0 || text->data[text->len - 1] != '\n'))
        return cli_files_write_all(STDOUT_FILENO, "\n", 1, "standard output", err);
    return VP_OK;
}

/* ---- tables ---- */

static void add_visible(struct vp_buf *cell, const char *text)
{
    size_t start = cell->len;
    vp_buf_add_text(cell, text);
    if (cell->failed || cell->len == start)
        return;
    vp_text_make_visible(cell->data + start);
    cell->len = start + strlen(cell->data + start);
}

/* One line: strings as they are but for what a terminal acts on, lists of strings with commas, all else as JSON. */
static void add_cell(struct vp_buf *cell, const struct vp_json *value)
{
    struct vp_json_writer writer;
    enum vp_json_type type = vp_json_type(value);
    if (type == VP_JSON_NULL)
        vp_buf_add_text(cell, "-");
    else if (type == VP_JSON_TEXT)
        add_visible(cell, vp_json_text(value));
    else if (type == VP_JSON_ARRAY)
        for (size_t i = 0; i < vp_json_len(value); i++) {
            vp_buf_add_text(cell, i == 0 ? "" : ", ");
            add_cell(cell, vp_json_at(value, i));
        }
    else {
        struct vp_buf json = VP_BUF_INIT(CELL_MAX);
        vp_json_begin(&writer, &json);
        vp_json_put_value(&writer, value);
        add_visible(cell, vp_buf_text(&json));
        cell->failed = cell->failed || json.failed;
        vp_buf_clear(&json);
    }
}

static void pad(struct vp_buf *text, size_t n)
{
    while (n-- > 0)
        vp_buf_add(text, " ", 1);
}

/* Adds the cell, then blanks up to `width` unless it is the last of its line. */
static void add_padded(struct vp_buf *text, const struct vp_json *value, size_t width, bool last)
{
    struct vp_buf cell = VP_BUF_INIT(CELL_MAX);
    add_cell(&cell, value);
    vp_buf_add_text(text, cell.failed ? "..." : vp_buf_text(&cell));
    if (!last)
        pad(text, (cell.len < width ? width - cell.len : 0) + 2);
    vp_buf_clear(&cell);
}

static size_t cell_width(const struct vp_json *value)
{
    struct vp_buf cell = VP_BUF_INIT(CELL_MAX);
    add_cell(&cell, value);
    size_t width = cell.len;
    vp_buf_clear(&cell);
    return width;
}

struct columns {
    const char *keys[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
    size_t n;
    struct vp_buf *text; /* of an object: where its lines go */
};

static enum vp_code take_column(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    struct columns *columns = context;
    (void)value;
    (void)err;
    if (columns->n < COLUMNS_MAX) {
        columns->keys[columns->n] = key;
        columns->widths[columns->n++] = strlen(key);
    }
    return VP_OK;
}

/* A long list, an item a line. */
static void add_lines(struct columns *columns, const struct vp_json *array)
{
    for (size_t i = 0; i < vp_json_len(array); i++) {
        if (i > 0)
            pad(columns->text, columns->widths[0] + 2);
        add_padded(columns->text, vp_json_at(array, i), 0, true);
        vp_buf_add_text(columns->text, "\n");
    }
}

static enum vp_code add_line(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    struct columns *columns = context;
    (void)err;
    vp_buf_add_text(columns->text, key);
    pad(columns->text, columns->widths[0] - strlen(key) + 2);
    if (vp_json_type(value) == VP_JSON_ARRAY && vp_json_len(value) > LINE_ITEMS_MAX)
        add_lines(columns, value);
    else {
        add_padded(columns->text, value, 0, true);
        vp_buf_add_text(columns->text, "\n");
    }
    return VP_OK;
}

static enum vp_code add_object(struct vp_buf *text, const struct vp_json *object, struct vp_error *err)
{
    struct columns columns = { .text = text };
    VP_TRY(vp_json_each(object, take_column, &columns, err));
    for (size_t i = 1; i < columns.n; i++)
        if (columns.widths[i] > columns.widths[0])
            columns.widths[0] = columns.widths[i];
    return vp_json_each(object, add_line, &columns, err);
}

static enum vp_code add_table(struct vp_buf *text, const struct vp_json *rows, struct vp_error *err)
{
    struct columns columns = { 0 };
    VP_TRY(vp_json_each(vp_json_at(rows, 0), take_column, &columns, err));
    for (size_t i = 0; i < vp_json_len(rows); i++)
        for (size_t j = 0; j < columns.n; j++) {
            size_t width = cell_width(vp_json_get(vp_json_at(rows, i), columns.keys[j]));
            if (width > columns.widths[j])
                columns.widths[j] = width;
        }
    vp_buf_add_text(text, cli_output_bold());
    for (size_t j = 0; j < columns.n; j++) {
        vp_buf_add_text(text, columns.keys[j]);
        if (j + 1 < columns.n)
            pad(text, columns.widths[j] - strlen(columns.keys[j]) + 2);
    }
    vp_buf_add_format(text, "%s\n", cli_output_plain());
    for (size_t i = 0; i < vp_json_len(rows); i++) {
        for (size_t j = 0; j < columns.n; j++)
            add_padded(text, vp_json_get(vp_json_at(rows, i), columns.keys[j]), columns.widths[j], j + 1 == columns.n);
        vp_buf_add_text(text, "\n");
    }
    return VP_OK;
}

static enum vp_code render(const struct vp_json *value, struct vp_buf *text, struct vp_error *err)
{
    if (vp_json_type(value) == VP_JSON_OBJECT)
        return add_object(text, value, err);
    if (vp_json_type(value) == VP_JSON_ARRAY && vp_json_len(value) > 0)
        return add_table(text, value, err);
    vp_buf_add_text(text, "none\n");
    return VP_OK;
}

enum vp_code cli_output_show(const struct vp_buf *json, enum cli_output_format format, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *value = NULL;
    struct vp_buf text = VP_BUF_INIT(CLI_OUTPUT_MAX);
    enum vp_code code = vp_buf_check(json, "the output", err);
    if (code == VP_OK && format == CLI_OUTPUT_JSON) {
        vp_buf_add(&text, vp_buf_text(json), json->len);
        vp_buf_add_text(&text, "\n");
    } else if (code == VP_OK) {
        code = vp_json_parse(vp_buf_text(json), json->len, &OWN, &value, err);
        if (code == VP_OK)
            code = render(value, &text, err);
    }
    if (code == VP_OK)
        code = vp_buf_check(&text, "the output", err);
    if (code == VP_OK)
        code = cli_files_write_all(STDOUT_FILENO, vp_buf_text(&text), text.len, "standard output", err);
    vp_buf_clear(&text);
    return code;
}
