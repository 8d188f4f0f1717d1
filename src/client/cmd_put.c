/* put, list, delete: what a person needs who enters a credential. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "vp/json.h"

#include "commands.h"
#include "fetch.h"
#include "files.h"
#include "output.h"
#include "signals.h"

enum { VALUE_MAX = 1024 * 1024, LINE_LEN_MAX = 4096, SECRET_MAX = 4 * 1024 * 1024 };

static const struct vp_json_source GIVEN = {
    .what = "the value",
    .reason = VP_REASON_LOCAL_CONFIG,
    .max_bytes = SECRET_MAX,
    .max_depth = 64,
    .max_tokens = 200000,
};

struct change {
    struct cli_ref ref;
    struct vp_json *value; /* NULL: the field is removed */
    bool force;
};

/* ---- the value ---- */

static enum vp_code read_line(const char *prompt, struct vp_buf *line, struct vp_error *err)
{
    char text[LINE_LEN_MAX];
    struct termios shown;
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return vp_fail(err, VP_REASON_LOCAL_IO, "can't read from the terminal");
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    (void)fprintf(stderr, "%s: ", prompt);
    /* A signal ends us with the terminal as it was. */
    cli_signals_hold();
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    ssize_t n = read(STDIN_FILENO, text, sizeof text);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    cli_signals_release();
    (void)fprintf(stderr, "\n");
    if (n <= 0 || cli_signals_came() != 0)
        return vp_fail(err, VP_REASON_LOCAL_IO, "no value was entered");
    size_t len = (size_t)n;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    vp_buf_add(line, text, len);
    vp_wipe(text, sizeof text);
    return vp_buf_check(line, "the value", err);
}

static enum vp_code ask_twice(struct vp_buf *value, struct vp_error *err)
{
    struct vp_buf again = VP_BUF_INIT(VALUE_MAX);
    VP_TRY(read_line("Value (not shown)", value, err));
    enum vp_code code = read_line("Again", &again, err);
    if (code == VP_OK && strcmp(vp_buf_text(&again), vp_buf_text(value)) != 0)
        code = vp_fail(err, VP_REASON_USAGE, "the two values differ: nothing was written");
    vp_buf_clear(&again);
    return code;
}

/* One line end at the end is the editor's or the echo's. */
static enum vp_code read_value(struct vp_buf *value, struct vp_error *err)
{
    if (isatty(STDIN_FILENO) == 1)
        return ask_twice(value, err);
    VP_TRY(cli_files_read("-", "the value on standard input", value, err));
    if (value->len > 0 && value->data[value->len - 1] == '\n')
        value->data[--value->len] = '\0';
    if (value->len > 0 && value->data[value->len - 1] == '\r')
        value->data[--value->len] = '\0';
    if (value->len != strlen(vp_buf_text(value)))
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the value holds a NUL character: encode it, as base64 does");
    return VP_OK;
}

/* ---- a change ---- */

/* What was read, as a JSON string. */
static enum vp_code to_json(const struct vp_buf *value, struct vp_json **ret_value, struct vp_error *err)
{
    struct vp_buf json = VP_BUF_INIT(SECRET_MAX);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &json);
    vp_json_put_text(&writer, vp_buf_text(value));
    enum vp_code code = vp_buf_check(&json, "the value", err);
    if (code == VP_OK)
        code = vp_json_parse(vp_buf_text(&json), json.len, &GIVEN, ret_value, err);
    vp_buf_clear(&json);
    return code;
}

static enum vp_code print_version(struct cli_session *session, int64_t version, struct vp_error *err)
{
    struct vp_buf line = VP_BUF_INIT(64);
    cli_session_end_progress(session);
    if (version > 0)
        vp_buf_add_format(&line, "%lld\n", (long long)version);
    enum vp_code code = cli_output_raw(&line, err);
    vp_buf_clear(&line);
    return code;
}

static enum vp_code apply(struct cli_session *session, void *context, struct vp_error *err)
{
    const struct change *change = context;
    int64_t version = 0;
    VP_TRY(vault_write_field(session->vault, change->ref.path, change->ref.field, change->value, !change->force,
                             &version, err));
    return print_version(session, version, err);
}

static enum vp_code read_change(const struct cli_args *args, struct change *change, struct vp_error *err)
{
    struct vp_buf value = VP_BUF_INIT(VALUE_MAX);
    VP_TRY(cli_ref_parse(args->rest[0], strlen(args->rest[0]), &change->ref, err));
    if (change->ref.field == NULL || change->ref.optional)
        return vp_fail(err, VP_REASON_USAGE, "put: must be PATH#FIELD; put-all writes a whole secret");
    enum vp_code code = read_value(&value, err);
    if (code == VP_OK)
        code = to_json(&value, &change->value, err);
    vp_buf_clear(&value);
    return code;
}

COMMAND(cli_cmd_put)
{
    struct change change = { .force = args->force };
    const struct cli_session_need how = { .args = args };
    (void)ret_status;
    enum vp_code code = read_change(args, &change, err);
    if (code == VP_OK)
        code = cli_session_run(command, &how, apply, &change, err);
    vp_json_free(change.value);
    cli_ref_clear(&change.ref);
    return code;
}

/* ---- delete ---- */

static enum vp_code delete_secret(struct cli_session *session, void *context, struct vp_error *err)
{
    const struct change *change = context;
    return vault_delete(session->vault, change->ref.path, err);
}

COMMAND(cli_cmd_delete)
{
    struct change change = { .force = args->force };
    const struct cli_session_need how = { .args = args };
    (void)ret_status;
    VP_TRY(cli_ref_parse(args->rest[0], strlen(args->rest[0]), &change.ref, err));
    enum vp_code code = cli_session_run(command, &how, change.ref.field == NULL ? delete_secret : apply, &change, err);
    cli_ref_clear(&change.ref);
    return code;
}

/* ---- list ---- */

static enum vp_code print_names(const struct vp_texts *names, enum cli_output_format format, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(CLI_OUTPUT_MAX);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &text);
    if (format == CLI_OUTPUT_JSON)
        vp_json_open_array(&writer);
    for (size_t i = 0; i < names->n; i++) {
        if (format == CLI_OUTPUT_JSON) {
            vp_json_put_text(&writer, names->items[i]);
            continue;
        }
        vp_text_make_visible(names->items[i]);
        vp_buf_add_format(&text, "%s\n", names->items[i]);
    }
    if (format == CLI_OUTPUT_JSON)
        vp_json_close_array(&writer);
    enum vp_code code = vp_buf_check(&text, "the list", err);
    if (code == VP_OK)
        code = format == CLI_OUTPUT_JSON ? cli_output_show(&text, format, err) : cli_output_raw(&text, err);
    vp_buf_clear(&text);
    return code;
}

static enum vp_code list(struct cli_session *session, void *context, struct vp_error *err)
{
    const struct cli_args *args = context;
    enum cli_output_format format;
    struct cli_ref ref = { 0 };
    struct vp_texts names = { 0 };
    VP_TRY(cli_output_format_parse(args->format, &format, err));
    VP_TRY(cli_ref_parse(args->rest[0], strlen(args->rest[0]), &ref, err));
    enum vp_code code = vault_list(session->vault, ref.path, &names, err);
    cli_session_end_progress(session);
    if (code == VP_OK)
        code = print_names(&names, format, err);
    vp_texts_clear(&names);
    cli_ref_clear(&ref);
    return code;
}

COMMAND(cli_cmd_list)
{
    const struct cli_session_need how = { .args = args };
    (void)ret_status;
    return cli_session_run(command, &how, list, (void *)(uintptr_t)args, err);
}
