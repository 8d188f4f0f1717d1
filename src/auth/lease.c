#include "lease.h"

#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct auth_lease, member)

static const struct logical_field LEASE_FIELDS[] = {
    { "login_kind", LOGICAL_TEXT, AT(login_kind), LOGICAL_REQUIRED, NULL, 0, 0, "container or user" },
    { "role", LOGICAL_TEXT, AT(role), 0, NULL, 0, 0, "Role of the login; empty: none." },
    { "user_uuid", LOGICAL_TEXT, AT(user_uuid), LOGICAL_REQUIRED, NULL, 0, 0, "User that logged in." },
    { "container_uuid", LOGICAL_TEXT, AT(container_uuid), 0, NULL, 0, 0,
      "Container that logged in; none on a user mount." },
    { "token_uuid", LOGICAL_TEXT, AT(token_uuid), LOGICAL_REQUIRED, NULL, 0, 0, "Token that logged in." },
    { "runtime_token", LOGICAL_BOOL, AT(runtime_token), 0, NULL, 0, 0, "The container does not own that token." },
    { "salt_label", LOGICAL_TEXT, AT(salt_label), 0, NULL, 0, 0, "The label that the token was salted with." },
    { "run_token", LOGICAL_SECRET, AT(run_token), 0, NULL, 0, 0,
      "The token itself, on a mount without a service token." },
    { 0 },
};

static const struct vp_json_source LEASE_SOURCE = {
    .what = "the lease's internal data",
    .reason = VP_REASON_BAD_REQUEST,
    .max_bytes = 8192,
    .max_depth = 2,
    .max_tokens = 64,
};

void auth_lease_clear(struct auth_lease *lease)
{
    logical_fields_clear(LEASE_FIELDS, lease);
}

static bool is_uuid(const char *text, const char *infix)
{
    return text != NULL && arv_is_uuid(text, infix);
}

static enum vp_code check_lease(const struct auth_lease *lease, struct vp_error *err)
{
    const char *kind = lease->login_kind == NULL ? "" : lease->login_kind;
    bool of_container = strcmp(kind, "container") == 0 && is_uuid(lease->container_uuid, "dz642");
    bool of_user = strcmp(kind, "user") == 0 && lease->container_uuid == NULL;
    if ((of_container || of_user) && is_uuid(lease->user_uuid, "tpzed") && is_uuid(lease->token_uuid, "gj3su"))
        return VP_OK;
    return vp_fail(err, VP_REASON_BAD_REQUEST, "this token was not issued by this version; log in again");
}

enum vp_code auth_lease_parse(const char *internal_data, struct auth_lease *ret_lease, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    VP_AUTO(auth_lease_clear) struct auth_lease lease = { 0 };
    if (internal_data == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the token carries no lease data; log in again");
    VP_TRY(vp_json_parse(internal_data, strlen(internal_data), &LEASE_SOURCE, &document, err));
    /* Strict: a field that a newer version put there may bind the token. */
    VP_TRY(logical_fields_update(LEASE_FIELDS, document, true, &lease, err));
    VP_TRY(check_lease(&lease, err));
    *ret_lease = lease;
    lease = (struct auth_lease){ 0 };
    return VP_OK;
}

enum vp_code auth_lease_write(const struct auth_request *request, const struct auth_decision *decision, char **ret_text,
                              struct vp_error *err)
{
    const struct auth_config *config = auth_request_config(request);
    const struct arv_identity *records = &decision->identity.records;
    VP_AUTO(vp_buf_clear) struct vp_buf text = VP_BUF_INIT(LEASE_SOURCE.max_bytes);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &text);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "login_kind", config->login_kind);
    vp_json_add_text(&writer, "role", request->role->name);
    vp_json_add_text(&writer, "user_uuid", records->user.uuid);
    vp_json_add_text(&writer, "token_uuid", decision->identity.token_uuid);
    /* The token of a user mount is not renewable, so nothing is asked with it again. */
    if (records->has_container) {
        vp_json_add_text(&writer, "container_uuid", records->container.uuid);
        vp_json_add_bool(&writer, "runtime_token", records->container.auth_uuid == NULL);
        if (decision->identity.salt_label != NULL)
            vp_json_add_text(&writer, "salt_label", decision->identity.salt_label);
        if (config->service_token == NULL)
            vp_json_add_text(&writer, "run_token", vp_secret_reveal(decision->token.secret));
    }
    vp_json_close_object(&writer);
    VP_TRY(vp_buf_check(&text, "the lease's internal data", err));
    *ret_text = vp_buf_take(&text);
    return *ret_text == NULL ? vp_fail_no_memory(err) : VP_OK;
}
