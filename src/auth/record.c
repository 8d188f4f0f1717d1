#include "record.h"

#include <string.h>

#include "vp/arvados.h"
#include "vp/policy.h"

#include "mount.h"

enum {
    RECORD_VERSION = 1,
    QUOTE_MAX = 32,                   /* Arvados' secrets have 50 characters or so, its uuids 27. */
    TEXT_MAX = 4 * LOGICAL_ENTRY_MAX, /* for words about one that is too large to be stored */
};

struct head {
    int64_t version;
    const struct vp_json *fields;
};

static enum vp_code decode_head(const struct auth_record *record, const struct vp_json *document,
                                const struct vp_json_source *source, struct head *head, struct vp_error *err)
{
    const struct vp_json_field fields[] = {
        { "record_version", VP_JSON_TO_INT, offsetof(struct head, version), 0, 0 },
        { record->name, VP_JSON_TO_OBJECT, offsetof(struct head, fields), 0, 0 },
        { 0 },
    };
    VP_TRY(vp_json_decode(document, fields, source, head, err));
    if (head->version == RECORD_VERSION)
        return VP_OK;
    return vp_fail(err, VP_REASON_CONFIG_UNREADABLE,
                   "%s has record version %lld; this plugin reads version %d. Use the plugin version that wrote it, or "
                   "write it again",
                   record->what, (long long)head->version, RECORD_VERSION);
}

static struct vp_json_source source_of(const struct auth_record *record, enum vp_reason reason)
{
    return (struct vp_json_source){
        .what = record->what,
        .reason = reason,
        .max_bytes = LOGICAL_ENTRY_MAX,
        .max_depth = 6,
        .max_tokens = 20000,
    };
}

enum vp_code auth_record_decode(const struct auth_record *record, const struct vp_buf *text, void *target,
                                struct vp_error *err)
{
    const struct vp_json_source source = source_of(record, VP_REASON_CONFIG_UNREADABLE);
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct head head = { 0 };
    VP_TRY(vp_json_parse(vp_buf_text(text), text->len, &source, &document, err));
    VP_TRY(decode_head(record, document, &source, &head, err));
    VP_TRY(logical_fields_init(record->fields, target, err));
    return logical_fields_load(record->fields, head.fields, target, err);
}

/* What could not be read again is never written: only a delete would help such a mount. */
static enum vp_code check_readable(const struct auth_record *record, const struct vp_buf *text, struct vp_error *err)
{
    const struct vp_json_source source = source_of(record, VP_REASON_BAD_REQUEST);
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    VP_TRY(vp_buf_check(text, record->what, err));
    return vp_json_parse(vp_buf_text(text), text->len, &source, &document, err);
}

/* Not cancelled with its caller: a write that is given up here may still land. */
static enum vp_code put(const struct logical_call *call, const char *key, const struct vp_buf *text, bool seal_wrap,
                        struct vp_error *err)
{
    enum vp_code code =
        call->storage->put(call->storage->self, key, vp_buf_text(text), text->len, seal_wrap, NULL, err);
    auth_mount_written(call->mount, key, code);
    return code;
}

enum vp_code auth_record_store(const struct auth_record *record, const struct logical_call *call, const char *key,
                               const void *source, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(TEXT_MAX);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &text);
    vp_json_open_object(&writer);
    vp_json_add_int(&writer, "record_version", RECORD_VERSION);
    vp_json_put_key(&writer, record->name);
    vp_json_open_object(&writer);
    logical_fields_save(record->fields, source, &writer);
    vp_json_close_object(&writer);
    vp_json_close_object(&writer);
    enum vp_code code = check_readable(record, &text, err);
    if (code == VP_OK)
        code = put(call, key, &text, record->seal_wrap, err);
    vp_buf_clear(&text);
    return code;
}

enum vp_code auth_record_remove(const struct logical_call *call, const char *key, struct vp_error *err)
{
    enum vp_code code = call->storage->remove(call->storage->self, key, NULL, err);
    auth_mount_written(call->mount, key, code);
    return code;
}

enum vp_code auth_check_each(const struct vp_texts *texts, bool (*good)(const char *text), const char *field,
                             const char *wanted, struct vp_error *err)
{
    for (size_t i = 0; i < texts->n; i++)
        if (!good(texts->items[i]))
            return vp_fail(err, VP_REASON_BAD_REQUEST, "field \"%s\": \"%.64s\" is not %s", field,
                           auth_quotable(texts->items[i]), wanted);
    return VP_OK;
}

bool auth_is_role_uuid(const char *text)
{
    return arv_is_uuid(text, "j7d0g") && !arv_is_anonymous_role(text);
}

bool auth_is_narrower(const char *prefix, const struct vp_texts *wider)
{
    return vp_texts_has(wider, prefix) || policy_name_has_prefix(prefix, wider);
}

const char *auth_quotable(const char *text)
{
    size_t len = strlen(text);
    bool like_network = strspn(text, "0123456789abcdefABCDEF:./") == len; /* tokens have a slash too, behind "v2" */
    return len <= QUOTE_MAX && (like_network || strchr(text, '/') == NULL) ? text : "...";
}
