#include "fetch.h"

#include <stdlib.h>
#include <string.h>

#include "vp/clock.h"

#include "mask.h"

struct fetch {
    struct cli_session *session;
    struct cli_fetch_reads reads;
    struct cli_mask *mask; /* NULL: none */
};

enum { NAMES_MAX = 200 };

void cli_fetch_read_clear(struct cli_fetch_read *read)
{
    vault_secret_clear(&read->secret);
    free(read->words);
    *read = (struct cli_fetch_read){ 0 };
}

void cli_fetch_reads_clear(struct cli_fetch_reads *reads)
{
    for (size_t i = 0; i < reads->n; i++)
        cli_fetch_read_clear(&reads->items[i]);
    free(reads->items);
    *reads = (struct cli_fetch_reads){ 0 };
}

/* Leases end with the token that they were made by. */
static void finish(struct fetch *fetch, struct cli_fetch_reads *ret_leased)
{
    struct cli_fetch_reads *reads = &fetch->reads;
    size_t n_leased = 0;
    for (size_t i = 0; i < reads->n; i++)
        if (reads->items[i].secret.lease_id == NULL)
            cli_fetch_read_clear(&reads->items[i]);
        else
            reads->items[n_leased++] = reads->items[i];
    reads->n = n_leased;
    if (n_leased > 0)
        fetch->session->keep_token = true;
    if (ret_leased == NULL)
        cli_fetch_reads_clear(reads);
    else
        *ret_leased = *reads;
}

/* ---- reading ---- */

static enum vp_code read_once(struct fetch *fetch, const char *path, struct cli_fetch_read **ret_read,
                              struct vp_error *err)
{
    struct cli_fetch_reads *reads = &fetch->reads;
    for (size_t i = 0; i < reads->n; i++)
        if (!reads->items[i].stale && strcmp(reads->items[i].path, path) == 0) {
            *ret_read = &reads->items[i];
            return VP_OK;
        }
    struct cli_fetch_read *items = reallocarray(reads->items, reads->n + 1, sizeof *items);
    struct cli_fetch_read read = { .path = path };
    if (items == NULL)
        return vp_fail_no_memory(err);
    reads->items = items;
    struct vp_error fault = { 0 };
    enum vp_code code = vault_read(fetch->session->vault, path, &read.secret, &fault);
    read.missing = code == VP_ERR_NOT_FOUND;
    if (code != VP_OK && !read.missing) {
        *err = fault;
        return code;
    }
    read.words = strdup(fault.message);
    cli_fetch_set_ttl(&read, read.secret.lease_ttl_s);
    items[reads->n] = read;
    *ret_read = &items[reads->n++];
    if (read.secret.lease_id != NULL && !fetch->session->logged_in)
        return vp_texts_add(&fetch->session->leases, read.secret.lease_id, err);
    return VP_OK;
}

static enum vp_code add_name(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    struct vp_buf *names = context;
    (void)value;
    (void)err;
    vp_buf_add_format(names, "%s%.60s", names->len == 0 ? "" : ", ", key);
    return VP_OK;
}

/* What is there instead; of many fields the first. */
static enum vp_code no_field(const struct cli_ref *ref, const struct vp_json *data, struct vp_error *err)
{
    struct vp_buf names = VP_BUF_INIT(NAMES_MAX);
    (void)!vp_json_each(data, add_name, &names, err);
    enum vp_code code =
        vp_fail(err, VP_REASON_SECRET_MISSING, "the secret at %.150s has no field %.60s; it has %.200s%s", ref->path,
                ref->field, names.len == 0 ? "none" : vp_buf_text(&names), names.failed ? ", ..." : "");
    vp_buf_clear(&names);
    return code;
}

static enum vp_code no_secret(const struct cli_ref *ref, const char *words, struct vp_error *err)
{
    const char *colon = strrchr(ref->path, ':');
    if (ref->field == NULL && colon != NULL && strchr(colon, '/') == NULL)
        return vp_fail(err, VP_REASON_SECRET_MISSING,
                       "there is no secret at %.200s; a field is named behind a #: %.*s#%s", ref->path,
                       (int)(colon - ref->path), ref->path, colon + 1);
    return vp_fail(err, VP_REASON_SECRET_MISSING, "%s", words);
}

/* A variable, a file or a template takes a value as it is, and none of them can hold a NUL everywhere. */
static enum vp_code check_text(const struct cli_ref *ref, const struct vp_json *value, struct vp_error *err)
{
    if (vp_json_type(value) != VP_JSON_NUL_TEXT)
        return VP_OK;
    return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                   "field \"%.60s\" of the secret at %.200s: holds a NUL character; store it as base64, or read it "
                   "with get --format=json",
                   ref->field, ref->path);
}

/* Texts as they are, all else as JSON. */
static void add_value(struct vp_buf *content, const struct vp_json *value)
{
    struct vp_json_writer writer;
    if (vp_json_type(value) == VP_JSON_TEXT) {
        vp_buf_add_text(content, vp_json_text(value));
        return;
    }
    vp_json_begin(&writer, content);
    vp_json_put_value(&writer, value);
}

static enum vp_code find_value(struct fetch *fetch, const struct cli_ref *ref, bool fixed,
                               const struct vp_json **ret_value, struct vp_error *err)
{
    struct cli_fetch_read *read = NULL;
    *ret_value = NULL;
    VP_TRY(read_once(fetch, ref->path, &read, err));
    read->fixed = read->fixed || (fixed && !fetch->reads.replaces_all);
    if (!read->missing)
        *ret_value = ref->field == NULL ? read->secret.data : vp_json_get(read->secret.data, ref->field);
    if (vp_json_type(*ret_value) == VP_JSON_NULL)
        *ret_value = NULL;
    if (*ret_value != NULL || ref->optional)
        return VP_OK;
    if (read->missing)
        return no_secret(ref, read->words == NULL ? "out of memory" : read->words, err);
    return no_field(ref, read->secret.data, err);
}

/* ---- filling ---- */

static enum vp_code mask_field(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    (void)key;
    return vp_json_type(value) == VP_JSON_TEXT ? cli_mask_add(context, vp_json_text(value), err) : VP_OK;
}

/* Of a whole secret its fields as well. */
static enum vp_code mask_value(struct cli_mask *mask, const struct vp_json *value, const char *text,
                               struct vp_error *err)
{
    VP_TRY(cli_mask_add(mask, text, err));
    return vp_json_type(value) == VP_JSON_OBJECT ? vp_json_each(value, mask_field, mask, err) : VP_OK;
}

static enum vp_code fill_part(struct fetch *fetch, struct cli_sink *sink, const struct cli_template_part *part,
                              struct vp_error *err)
{
    const struct vp_json *value;
    struct vp_buf text = VP_BUF_INIT(sink->content.max);
    VP_TRY(find_value(fetch, &part->ref, sink->kind != CLI_SINK_FILE, &value, err));
    if (value == NULL) {
        sink->absent = sink->template.n == 1;
        return VP_OK;
    }
    VP_TRY(check_text(&part->ref, value, err));
    add_value(&text, value);
    enum vp_code code = vp_buf_check(&text, "a secret", err);
    if (code == VP_OK && fetch->mask != NULL)
        code = mask_value(fetch->mask, value, vp_buf_text(&text), err);
    if (code == VP_OK)
        code = cli_template_add_value(&sink->content, part, vp_buf_text(&text), err);
    vp_buf_clear(&text);
    return code;
}

/* Line ends behind a value come from whoever wrote it with an editor or an echo: they go, as "$(...)" of a shell drops them.
 * Others a variable can't hold: they would start another line wherever the environment is printed or read by lines. */
static enum vp_code fit_into_environment(struct cli_sink *sink, struct vp_error *err)
{
    struct vp_buf *content = &sink->content;
    while (content->len > 0 && (content->data[content->len - 1] == '\n' || content->data[content->len - 1] == '\r'))
        content->data[--content->len] = '\0';
    if (strpbrk(vp_buf_text(content), "\r\n") != NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "the secret for %.100s has more than one line, which is refused in the environment: put it in a "
                       "file",
                       sink->name);
    return VP_OK;
}

static enum vp_code fill_parts(struct fetch *fetch, struct cli_sink *sink, struct vp_error *err)
{
    bool has_secret = false;
    sink->absent = false;
    for (size_t i = 0; i < sink->template.n; i++) {
        const struct cli_template_part *part = &sink->template.parts[i];
        has_secret = has_secret || part->text == NULL;
        if (part->text != NULL)
            vp_buf_add(&sink->content, part->text, part->len);
        else
            VP_TRY(fill_part(fetch, sink, part, err));
    }
    VP_TRY(vp_buf_check(&sink->content, "what is to be delivered", err));
    return sink->kind == CLI_SINK_ENV && has_secret ? fit_into_environment(sink, err) : VP_OK;
}

static bool is_same(const struct vp_buf *one, const struct vp_buf *other)
{
    return one->len == other->len && (one->len == 0 || memcmp(one->data, other->data, one->len) == 0);
}

/* On failure it holds what it held. */
static enum vp_code fill_sink(struct fetch *fetch, struct cli_sink *sink, struct vp_error *err)
{
    struct vp_buf before = sink->content;
    bool was_absent = sink->absent;
    sink->content = (struct vp_buf)VP_BUF_INIT(before.max);
    enum vp_code code = fill_parts(fetch, sink, err);
    if (code != VP_OK) {
        vp_buf_clear(&sink->content);
        sink->content = before;
        sink->absent = was_absent;
        return code;
    }
    if (sink->filled && (was_absent != sink->absent || !is_same(&before, &sink->content)))
        sink->changed = true;
    sink->filled = true;
    vp_buf_clear(&before);
    return VP_OK;
}

struct spread {
    struct cli_plan *plan;
    const struct cli_plan_from *from;
};

static enum vp_code add_variable(void *context, const char *field, const struct vp_json *value, struct vp_error *err)
{
    const struct spread *spread = context;
    return vp_json_type(value) == VP_JSON_NULL ? VP_OK : cli_plan_add_field(spread->plan, spread->from, field, err);
}

/* A variable for each field of the secret. */
static enum vp_code spread(struct fetch *fetch, struct cli_plan *plan, const struct cli_plan_from *from,
                           struct vp_error *err)
{
    const struct cli_ref ref = { .path = from->path };
    struct spread spread = { plan, from };
    const struct vp_json *secret = NULL;
    VP_TRY(find_value(fetch, &ref, true, &secret, err));
    return vp_json_each(secret, add_variable, &spread, err);
}

void cli_fetch_set_ttl(struct cli_fetch_read *read, int64_t ttl_s)
{
    read->ttl_s = ttl_s;
    read->ends_ms = ttl_s == 0 ? 0 : VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + ttl_s * 1000;
}

enum vp_code cli_fetch_plan(struct cli_session *session, struct cli_plan *plan, struct cli_fetch_reads *leased,
                            struct vp_error *err)
{
    struct fetch fetch = { .session = session, .mask = plan->mask };
    enum vp_code code = VP_OK;
    if (leased != NULL)
        fetch.reads = *leased;
    bool only_files = fetch.reads.only_files;
    for (size_t i = 0; code == VP_OK && !only_files && i < plan->n_from; i++) {
        code = plan->from[i].spread ? VP_OK : spread(&fetch, plan, &plan->from[i], err);
        plan->from[i].spread = code == VP_OK;
    }
    for (size_t i = 0; code == VP_OK && i < plan->n; i++)
        if (!only_files || plan->sinks[i].kind == CLI_SINK_FILE)
            code = fill_sink(&fetch, &plan->sinks[i], err);
    finish(&fetch, leased);
    return code;
}

enum vp_code cli_fetch_ref(struct cli_session *session, const struct cli_ref *ref, bool as_json, struct vp_buf *content,
                           bool *ret_absent, struct vp_error *err)
{
    struct fetch fetch = { .session = session };
    const struct vp_json *value = NULL;
    enum vp_code code = find_value(&fetch, ref, false, &value, err);
    struct vp_json_writer writer;
    vp_json_begin(&writer, content);
    if (code == VP_OK && !as_json)
        code = check_text(ref, value, err);
    if (code == VP_OK && value != NULL && as_json)
        vp_json_put_value(&writer, value);
    else if (code == VP_OK && value != NULL)
        add_value(content, value);
    *ret_absent = value == NULL;
    finish(&fetch, NULL);
    if (code == VP_OK)
        code = vp_buf_check(content, "a secret", err);
    return code;
}
