/* What is below a path, and its end. */
#include <string.h>

#include "secret.h"

static enum vp_code take_names(const struct vp_json *document, const char *path, struct vp_texts *ret_names,
                               struct vp_error *err)
{
    const struct vp_json *keys = vp_json_get(vp_json_get(document, "data"), "keys");
    struct vp_texts names = { 0 };
    enum vp_code code = vp_json_type(keys) == VP_JSON_ARRAY ? VP_OK : vault_bad_answer(err, path, "it has no keys");
    for (size_t i = 0; code == VP_OK && i < vp_json_len(keys); i++) {
        const struct vp_json *key = vp_json_at(keys, i);
        code = vp_json_type(key) == VP_JSON_TEXT ? vp_texts_add(&names, vp_json_text(key), err)
                                                 : vault_bad_answer(err, path, "a key is no string");
    }
    if (code != VP_OK)
        vp_texts_clear(&names);
    else
        *ret_names = names;
    return code;
}

static enum vp_code ask_list(struct vault *vault, const char *path, struct vp_buf *full, struct vp_buf *target,
                             struct vp_json **ret_document, struct vp_error *err)
{
    struct vault_mount mount;
    /* With a '/' at its end, so that a mount's own path is one below it. */
    vp_buf_add_format(full, "%s/", path);
    VP_TRY(vp_buf_check(full, "the path of a secret", err));
    VP_TRY(vault_find_mount(vault, vp_buf_text(full), &mount, err));
    vault_add_api_path(target, &mount, "metadata/", vp_buf_text(full));
    VP_TRY(vp_buf_check(target, "the path of a secret", err));
    target->data[--target->len] = '\0'; /* here it would be an empty segment */
    struct vault_request request = { .path = vp_buf_text(target), .query = "?list=true", .is_secret = true };
    enum vp_code code = vault_ask(vault, &request, ret_document, err);
    if (code == VP_ERR_NOT_FOUND)
        return vp_fail(err, VP_REASON_SECRET_MISSING, "there is nothing below %.300s", path);
    if (code == VP_ERR_DENIED && err->reason == VP_REASON_FORBIDDEN)
        return vp_fail(err, VP_REASON_FORBIDDEN, "the token's policies don't let it list %.200s (asked as %.200s)",
                       path, vp_buf_text(target));
    return code;
}

enum vp_code vault_list(struct vault *vault, const char *path, struct vp_texts *ret_names, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_buf full = VP_BUF_INIT(VAULT_PATH_MAX);
    struct vp_buf target = VP_BUF_INIT(VAULT_PATH_MAX);
    VP_TRY(vault_check_path(path, err));
    enum vp_code code = ask_list(vault, path, &full, &target, &document, err);
    if (code == VP_OK)
        code = take_names(document, path, ret_names, err);
    vp_buf_clear(&full);
    vp_buf_clear(&target);
    return code;
}

enum vp_code vault_delete(struct vault *vault, const char *path, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_buf target = VP_BUF_INIT(VAULT_PATH_MAX);
    struct vault_mount mount;
    VP_TRY(vault_check_path(path, err));
    VP_TRY(vault_find_mount(vault, path, &mount, err));
    if (mount.kv_version == 0)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "%.200s is no KV mount: secrets can't be deleted there",
                       mount.path);
    vault_add_api_path(&target, &mount, "data/", path);
    struct vault_request request = { .method = HTTP_DELETE, .path = vp_buf_text(&target), .repeatable = true };
    enum vp_code code = vp_buf_check(&target, "the path of a secret", err);
    if (code == VP_OK)
        code = vault_ask(vault, &request, &document, err);
    if (code == VP_ERR_DENIED && err->reason == VP_REASON_FORBIDDEN)
        (void)vp_fail(err, VP_REASON_FORBIDDEN, "the token's policies don't let it delete %.200s (asked as %.200s)",
                      path, vp_buf_text(&target));
    vp_buf_clear(&target);
    return code;
}
