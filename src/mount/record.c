/* Stored records: their envelope, and what follows from a write. */
#include <string.h>

#include "vp/mount.h"

enum {
    RECORD_VERSION = 1,
    QUOTE_MAX = 32, /* Arvados' secrets have some 50 characters, its uuids 27 */
    ROLE_NAME_MAX = 128,
    TEXT_MAX = 4 * LOGICAL_ENTRY_MAX, /* for the message about one that is too large to be stored */
    DISTRUST_MS = 2 * 60 * 1000,      /* longer than the host lets any request last */
};

struct head {
    int64_t version;
    const struct vp_json *fields;
};

static struct vp_json_source source_of(const struct mount_record *record, enum vp_reason reason)
{
    return (struct vp_json_source){
        .what = record->what,
        .reason = reason,
        .max_bytes = LOGICAL_ENTRY_MAX,
        .max_depth = 6,
        .max_tokens = 20000,
    };
}

static enum vp_code decode_head(const struct mount_record *record, const struct vp_json *document,
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

enum vp_code mount_record_decode(const struct mount_record *record, const struct vp_buf *text, void *target,
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

enum vp_code mount_record_load(const struct mount_record *record, const struct logical_call *call, const char *key,
                               void *target, bool *ret_found, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    enum vp_code code = call->storage->get(call->storage->self, key, call->cancel, &text, ret_found, err);
    if (code == VP_OK && *ret_found)
        code = mount_record_decode(record, &text, target, err);
    vp_buf_clear(&text);
    return code;
}

/* What could not be read again is never written: only a delete would help such a mount. */
static enum vp_code check_readable(const struct mount_record *record, const struct vp_buf *text, struct vp_error *err)
{
    const struct vp_json_source source = source_of(record, VP_REASON_BAD_REQUEST);
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    VP_TRY(vp_buf_check(text, record->what, err));
    return vp_json_parse(vp_buf_text(text), text->len, &source, &document, err);
}

/* A write that failed may still arrive later, and nothing would tell: for a while every request then reads the configuration from
 * storage. */
static void written(struct mount_core *core, const char *key, enum vp_code outcome)
{
    int64_t now_ms = core->shared->clock->monotonic_ms(core->shared->clock->self);
    pthread_mutex_lock(&core->lock);
    if (outcome != VP_OK)
        core->distrust_until_ms = now_ms + DISTRUST_MS;
    pthread_mutex_unlock(&core->lock);
    mount_forget(core, key);
}

enum vp_code mount_record_store(const struct mount_record *record, const struct logical_call *call, const char *key,
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
    if (code == VP_OK) {
        /* Not cancelled with its caller: a write that is cancelled here may still arrive. */
        code = call->storage->put(call->storage->self, key, vp_buf_text(&text), text.len, record->seal_wrap, NULL, err);
        written(call->mount, key, code);
    }
    vp_buf_clear(&text);
    return code;
}

enum vp_code mount_record_remove(const struct logical_call *call, const char *key, struct vp_error *err)
{
    enum vp_code code = call->storage->remove(call->storage->self, key, NULL, err);
    written(call->mount, key, code);
    return code;
}

bool mount_is_role_name(const char *name)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strspn(name, ALLOWED);
    return len > 0 && len <= ROLE_NAME_MAX && name[len] == '\0' && strchr("._-", name[0]) == NULL;
}

const char *mount_quotable(const char *text)
{
    size_t len = strlen(text);
    bool like_network = strspn(text, "0123456789abcdefABCDEF:./") == len; /* tokens have a slash too, after "v2" */
    return len <= QUOTE_MAX && (like_network || strchr(text, '/') == NULL) ? text : "...";
}

static void write_keys(const struct vp_texts *names, const char *after, int64_t limit, struct vp_json_writer *writer)
{
    int64_t n = 0;
    vp_json_open_object(writer);
    vp_json_put_key(writer, "keys");
    vp_json_open_array(writer);
    for (size_t i = 0; i < names->n && (limit <= 0 || n < limit); i++) {
        if (after != NULL && strcmp(names->items[i], after) <= 0)
            continue;
        vp_json_put_text(writer, names->items[i]);
        n++;
    }
    vp_json_close_array(writer);
    vp_json_close_object(writer);
}

enum vp_code mount_list_keys(const struct logical_call *call, const char *prefix, const char *after, int64_t limit,
                             struct vp_error *err)
{
    struct vp_texts names = { 0 };
    struct vp_json_writer writer;
    VP_TRY(call->storage->list(call->storage->self, prefix, call->cancel, &names, err));
    if (names.n == 0)
        return vp_fail(err, VP_REASON_NOT_FOUND, "nothing is stored there");
    vp_texts_sort(&names);
    vp_json_begin(&writer, &call->reply->data);
    write_keys(&names, after, limit, &writer);
    vp_texts_clear(&names);
    return vp_buf_check(&call->reply->data, "the list", err);
}
