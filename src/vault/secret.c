/* Secrets: where they lie is asked of the server, so that people need not know of "data/". */
#include "secret.h"

#include <string.h>

#include "ask.h"

enum { FIELD_TRIES = 5 };

enum vp_code vault_check_path(const char *path, struct vp_error *err)
{
    if (strlen(path) >= VAULT_PATH_MAX / 2)
        return vp_fail(err, VP_REASON_USAGE, "a secret's path is too long");
    for (const char *at = path; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == '\x7f')
            return vp_fail(err, VP_REASON_USAGE, "a secret's path holds a control character");
    for (const char *segment = path; segment != NULL;) {
        size_t len = strcspn(segment, "/");
        if (len == 0 || (len <= 2 && strspn(segment, ".") >= len))
            return vp_fail(err, VP_REASON_USAGE,
                           "\"%.100s\" is no path of a secret: write it like secret/genomics/db, without a slash at "
                           "either end",
                           path);
        segment = segment[len] == '/' ? segment + len + 1 : NULL;
    }
    return VP_OK;
}

/* ---- mounts ---- */

static const struct vault_mount *known_mount(const struct vault *vault, const char *path)
{
    for (size_t i = 0; i < vault->n_mounts; i++) {
        const char *mount = vault->mounts[i].path;
        if (strncmp(path, mount, strlen(mount)) == 0)
            return &vault->mounts[i];
    }
    return NULL;
}

static int kv_version_of(const struct vp_json *data)
{
    const struct vp_json *type = vp_json_get(data, "type");
    if (vp_json_type(type) != VP_JSON_TEXT ||
        (strcmp(vp_json_text(type), "kv") != 0 && strcmp(vp_json_text(type), "generic") != 0))
        return 0;
    const struct vp_json *version = vp_json_get(vp_json_get(data, "options"), "version");
    return vp_json_type(version) == VP_JSON_TEXT && strcmp(vp_json_text(version), "2") == 0 ? 2 : 1;
}

/* The server's answer is the same for a token that it does not know, one without rights there, and a mount that is not
 * there. */
static enum vp_code explain_denied(struct vault *vault, const char *path, struct vp_error *err)
{
    static const struct vault_request REQUEST = { .path = "auth/token/lookup-self" };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_error fault = { 0 };
    if (vault_ask(vault, &REQUEST, &document, &fault) != VP_OK && fault.reason == VP_REASON_VAULT_TOKEN)
        return vp_fail(err, fault.reason, "%s", fault.message);
    return vp_fail(err, VP_REASON_FORBIDDEN, "the token's policies allow nothing at %.200s, or there is no such mount",
                   path);
}

/* The way that `bao kv` takes as well: any token may ask where a path lies that its policies let it use. */
static enum vp_code ask_mount(struct vault *vault, const char *path, struct vault_mount *ret_mount,
                              struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_buf about = VP_BUF_INIT(VAULT_PATH_MAX);
    vp_buf_add_format(&about, "sys/internal/ui/mounts/%s", path);
    struct vault_request request = { .path = vp_buf_text(&about) };
    enum vp_code code = vp_buf_check(&about, "the path of a secret", err);
    if (code == VP_OK)
        code = vault_ask(vault, &request, &document, err);
    vp_buf_clear(&about);
    if (code == VP_ERR_DENIED)
        return explain_denied(vault, path, err);
    VP_TRY(code);
    const struct vp_json *data = vp_json_get(document, "data");
    const struct vp_json *mount = vp_json_get(data, "path");
    struct vault_mount found = { .kv_version = kv_version_of(data) };
    if (vp_json_type(mount) != VP_JSON_TEXT || strlen(vp_json_text(mount)) >= sizeof found.path ||
        strncmp(path, vp_json_text(mount), strlen(vp_json_text(mount))) != 0)
        return vault_bad_answer(err, "sys/internal/ui/mounts", "it names no mount of that path");
    memcpy(found.path, vp_json_text(mount), strlen(vp_json_text(mount)));
    *ret_mount = found;
    return VP_OK;
}

enum vp_code vault_find_mount(struct vault *vault, const char *path, struct vault_mount *ret_mount,
                              struct vp_error *err)
{
    const struct vault_mount *known = known_mount(vault, path);
    if (known != NULL) {
        *ret_mount = *known;
        return VP_OK;
    }
    VP_TRY(ask_mount(vault, path, ret_mount, err));
    if (vault->n_mounts < VAULT_MOUNTS_MAX)
        vault->mounts[vault->n_mounts++] = *ret_mount;
    return VP_OK;
}

/* secret/genomics/db lies at secret/data/genomics/db of a KV v2. */
void vault_add_api_path(struct vp_buf *target, const struct vault_mount *mount, const char *middle, const char *path)
{
    vp_buf_add_text(target, mount->path);
    if (mount->kv_version == 2)
        vp_buf_add_text(target, middle);
    vp_buf_add_text(target, path + strlen(mount->path));
}

/* ---- reading ---- */

static enum vp_code decode_secret(struct vp_json *document, const struct vault_mount *mount, const char *path,
                                  struct vault_secret *ret_secret, struct vp_error *err)
{
    const struct vp_json *data = vp_json_get(document, "data");
    const struct vp_json *lease = vp_json_get(document, "lease_id");
    const struct vp_json *ttl = vp_json_get(document, "lease_duration");
    const struct vp_json *renewable = vp_json_get(document, "renewable");
    struct vault_secret secret = { .data = data };
    if (mount->kv_version == 2) {
        const struct vp_json *version = vp_json_get(vp_json_get(data, "metadata"), "version");
        secret.data = vp_json_get(data, "data");
        if (vp_json_type(version) != VP_JSON_INT)
            return vault_bad_answer(err, path, "it has no version");
        secret.version = vp_json_int(version);
    }
    if (vp_json_type(secret.data) != VP_JSON_OBJECT)
        return vault_bad_answer(err, path, "it has no data");
    if (vp_json_type(lease) == VP_JSON_TEXT && *vp_json_text(lease) != '\0')
        secret.lease_id = vp_json_text(lease);
    if (vp_json_type(ttl) == VP_JSON_INT)
        secret.lease_ttl_s = vault_duration_s(vp_json_int(ttl));
    secret.renewable = vp_json_type(renewable) == VP_JSON_BOOL && vp_json_bool(renewable);
    secret.document = document;
    *ret_secret = secret;
    return VP_OK;
}

static enum vp_code ask_secret(struct vault *vault, const struct vault_mount *mount, const char *path,
                               const char *wrap_ttl, struct vp_json **ret_document, struct vp_json **ret_missing,
                               struct vp_error *err)
{
    struct vp_buf target = VP_BUF_INIT(VAULT_PATH_MAX);
    vault_add_api_path(&target, mount, "data/", path);
    struct vault_request request = {
        .path = vp_buf_text(&target),
        .is_secret = true,
        .wrap_ttl = wrap_ttl,
        .ret_missing = ret_missing,
        .makes = mount->kv_version == 0,
    };
    enum vp_code code = vp_buf_check(&target, "the path of a secret", err);
    if (code == VP_OK)
        code = vault_ask(vault, &request, ret_document, err);
    /* Who copies a path out of a policy writes "data/" himself. */
    bool doubled = mount->kv_version == 2 && strncmp(path + strlen(mount->path), "data/", 5) == 0;
    const char *hint = doubled ? ": leave out \"data/\", which is added" : "";
    if (code == VP_ERR_NOT_FOUND)
        (void)vp_fail(err, VP_REASON_SECRET_MISSING, "there is no secret at %.200s%s", path, hint);
    else if (code == VP_ERR_DENIED && err->reason == VP_REASON_FORBIDDEN)
        (void)vp_fail(err, VP_REASON_FORBIDDEN, "the token's policies don't let it read %.200s (asked as %.200s)%s",
                      path, vp_buf_text(&target), hint);
    vp_buf_clear(&target);
    return code;
}

static enum vp_code ask_at_mount(struct vault *vault, const char *path, const char *wrap_ttl,
                                 struct vault_mount *ret_mount, struct vp_json **ret_document, struct vp_error *err)
{
    VP_TRY(vault_check_path(path, err));
    VP_TRY(vault_find_mount(vault, path, ret_mount, err));
    VP_TRY(ask_secret(vault, ret_mount, path, wrap_ttl, ret_document, NULL, err));
    return *ret_document == NULL ? vault_bad_answer(err, path, "it is empty") : VP_OK;
}

enum vp_code vault_read(struct vault *vault, const char *path, struct vault_secret *ret_secret, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vault_mount mount;
    VP_TRY(ask_at_mount(vault, path, NULL, &mount, &document, err));
    VP_TRY(decode_secret(document, &mount, path, ret_secret, err));
    document = NULL; /* the secret owns it now */
    return VP_OK;
}

static int64_t version_of(const struct vp_json *document)
{
    const struct vp_json *metadata = vp_json_get(vp_json_get(document, "data"), "metadata");
    const struct vp_json *version = vp_json_get(metadata, "version");
    return vp_json_type(version) == VP_JSON_INT ? vp_json_int(version) : 0;
}

enum vp_code vault_read_wrapped(struct vault *vault, const char *path, const char *wrap_ttl,
                                struct vp_json **ret_document, bool *ret_may_have_lease, struct vp_error *err)
{
    struct vault_mount mount;
    VP_TRY(ask_at_mount(vault, path, wrap_ttl, &mount, ret_document, err));
    *ret_may_have_lease = mount.kv_version == 0;
    return VP_OK;
}

void vault_secret_clear(struct vault_secret *secret)
{
    vp_json_free(secret->document);
    *secret = (struct vault_secret){ 0 };
}

/* ---- writing ---- */

/* The version of the newest entry. Of one that was deleted the 404 tells it; where nothing ever was, it tells nothing. */
static enum vp_code current_version(struct vault *vault, const struct vault_mount *mount, const char *path,
                                    int64_t *ret_version, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    VP_AUTO(vp_json_freep) struct vp_json *missing = NULL;
    enum vp_code code = ask_secret(vault, mount, path, NULL, &document, &missing, err);
    if (code == VP_OK && version_of(document) == 0)
        return vault_bad_answer(err, path, "it has no version");
    if (code != VP_OK && code != VP_ERR_NOT_FOUND)
        return code;
    *ret_version = version_of(code == VP_OK ? document : missing);
    return VP_OK;
}

static void write_body(struct vp_buf *body, const struct vault_mount *mount, const struct vp_json *data,
                       int64_t version)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, body);
    if (mount->kv_version != 2) {
        vp_json_put_value(&writer, data);
        return;
    }
    vp_json_open_object(&writer);
    vp_json_put_key(&writer, "data");
    vp_json_put_value(&writer, data);
    if (version != VAULT_ANY_VERSION) {
        vp_json_put_key(&writer, "options");
        vp_json_open_object(&writer);
        vp_json_add_int(&writer, "cas", version);
        vp_json_close_object(&writer);
    }
    vp_json_close_object(&writer);
}

static enum vp_code post_all(struct vault *vault, const struct vault_mount *mount, const char *path,
                             const struct vp_buf *body, struct vp_json **ret_document, struct vp_error *err)
{
    struct vp_buf target = VP_BUF_INIT(VAULT_PATH_MAX);
    struct vp_error fault = { 0 };
    vault_add_api_path(&target, mount, "data/", path);
    struct vault_request request = { .method = HTTP_POST, .path = vp_buf_text(&target), .body = body };
    enum vp_code code = vp_buf_check(&target, "the path of a secret", &fault);
    if (code == VP_OK)
        code = vault_ask(vault, &request, ret_document, &fault);
    vp_buf_clear(&target);
    if (code == VP_OK)
        return VP_OK;
    /* OpenBao and Vault: "check-and-set parameter did not match the current version" with status 400. */
    if (strstr(fault.message, "did not match the current version") != NULL)
        return vp_fail(err, VP_REASON_VERSION_CONFLICT,
                       "%.200s is not in the version that was expected: somebody else wrote it; or, if the server was "
                       "busy, this very secret did get there. Read it again",
                       path);
    *err = fault;
    return code;
}

enum vp_code vault_write_all(struct vault *vault, const char *path, const struct vp_json *data, int64_t version,
                             int64_t *ret_version, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vault_mount mount;
    VP_TRY(vault_check_path(path, err));
    VP_TRY(vault_find_mount(vault, path, &mount, err));
    if (mount.kv_version == 0)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "%.200s is no KV mount: secrets can't be written there",
                       mount.path);
    if (mount.kv_version != 2 && version != VAULT_ANY_VERSION)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "%.200s is a KV v1 mount, which can't check what it replaces: --force writes without a check",
                       mount.path);
    if (version == VAULT_CURRENT_VERSION)
        VP_TRY(current_version(vault, &mount, path, &version, err));
    struct vp_buf body = VP_BUF_INIT(VAULT_BODY_MAX);
    write_body(&body, &mount, data, version);
    enum vp_code code = vp_buf_check(&body, "the secret", err);
    if (code == VP_OK)
        code = post_all(vault, &mount, path, &body, &document, err);
    vp_buf_clear(&body);
    VP_TRY(code);
    const struct vp_json *written = vp_json_get(vp_json_get(document, "data"), "version");
    *ret_version = vp_json_type(written) == VP_JSON_INT ? vp_json_int(written) : 0;
    return VP_OK;
}

enum vp_code vault_absent_version(struct vault *vault, const char *path, int64_t *ret_version, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    VP_AUTO(vp_json_freep) struct vp_json *missing = NULL;
    struct vault_mount mount;
    VP_TRY(vault_check_path(path, err));
    VP_TRY(vault_find_mount(vault, path, &mount, err));
    enum vp_code code = ask_secret(vault, &mount, path, NULL, &document, &missing, err);
    if (code == VP_OK)
        return vp_fail(err, VP_REASON_VERSION_CONFLICT, "%.200s was written meanwhile: read it again", path);
    if (code != VP_ERR_NOT_FOUND)
        return code;
    *ret_version = version_of(missing);
    return VP_OK;
}

/* ---- one field ---- */

struct merge {
    struct vp_json_writer writer;
    const char *field;
    bool found;
};

static enum vp_code keep_other(void *context, const char *key, const struct vp_json *value, struct vp_error *err)
{
    struct merge *merge = context;
    (void)err;
    if (strcmp(key, merge->field) == 0) {
        merge->found = true;
        return VP_OK;
    }
    vp_json_put_key(&merge->writer, key);
    vp_json_put_value(&merge->writer, value);
    return VP_OK;
}

/* `old` may be NULL; `value` NULL: without the field. */
static enum vp_code merge_field(const struct vp_json *old, const char *field, const struct vp_json *value,
                                struct vp_json **ret_data, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(VAULT_BODY_MAX);
    struct merge merge = { .field = field };
    vp_json_begin(&merge.writer, &text);
    vp_json_open_object(&merge.writer);
    enum vp_code code = old == NULL ? VP_OK : vp_json_each(old, keep_other, &merge, err);
    if (value != NULL) {
        vp_json_put_key(&merge.writer, field);
        vp_json_put_value(&merge.writer, value);
    }
    vp_json_close_object(&merge.writer);
    if (code == VP_OK && value == NULL && !merge.found)
        code = vp_fail(err, VP_REASON_SECRET_MISSING, "the secret has no field %.100s", field);
    if (code == VP_OK)
        code = vp_buf_check(&text, "the secret", err);
    if (code == VP_OK)
        code = vp_json_parse(vp_buf_text(&text), text.len, &VAULT_ANSWER, ret_data, err);
    vp_buf_clear(&text);
    return code;
}

static enum vp_code write_field_once(struct vault *vault, const char *path, const char *field,
                                     const struct vp_json *value, bool check, int64_t *ret_version,
                                     struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *data = NULL;
    struct vault_secret secret = { 0 };
    enum vp_code code = vault_read(vault, path, &secret, err);
    int64_t version = check ? secret.version : VAULT_ANY_VERSION;
    if (code == VP_ERR_NOT_FOUND && !check)
        code = VP_OK;
    else if (code == VP_ERR_NOT_FOUND)
        code = vault_absent_version(vault, path, &version, err);
    if (code == VP_OK)
        code = merge_field(secret.data, field, value, &data, err);
    if (code == VP_OK)
        code = vault_write_all(vault, path, data, version, ret_version, err);
    vault_secret_clear(&secret);
    return code;
}

enum vp_code vault_write_field(struct vault *vault, const char *path, const char *field, const struct vp_json *value,
                               bool check, int64_t *ret_version, struct vp_error *err)
{
    struct vp_error fault = { 0 };
    enum vp_code code = VP_OK;
    for (int i = 0; i < FIELD_TRIES; i++) {
        code = write_field_once(vault, path, field, value, check, ret_version, &fault);
        if (code == VP_OK || fault.reason != VP_REASON_VERSION_CONFLICT)
            break;
    }
    if (code != VP_OK)
        *err = fault;
    return code;
}
