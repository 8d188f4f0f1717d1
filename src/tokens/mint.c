/* A mint: look the user up, store the secrets that are going to be sent, send them, check what comes back, and answer with a lease.
 *
 * At each step the process may die. Before the store nothing exists; from then on a rollback ends whatever Arvados made of the
 * secrets. The entry is removed when the host has had the answer for some seconds: by then it stored the lease, or it died and this
 * process with it. The price: a process that dies in these seconds costs a lease its token. */
#include "mint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lease.h"
#include "user.h"
#include "wal.h"

#define COLLECTION "/arvados/v1/api_client_authorizations"

enum { LEASE_MIN_S = 1 };

struct mint {
    const struct logical_call *call;
    const struct tokens_snapshot *snapshot;
    const struct tokens_order *order;
    struct arv_user user;
    struct tokens_limits limits;
    struct tokens_wal entry;
    struct tokens_lease lease;
};

static int64_t now_s(const struct logical_call *call)
{
    const struct mount_core *core = call->mount;
    return core->shared->clock->now_s(core->shared->clock->self);
}

/* ---- what is asked for ---- */

static enum vp_code choose_ttl(struct mint *mint, struct vp_error *err)
{
    const struct tokens_order *order = mint->order;
    char words[160];
    VP_TRY(tokens_limits_get(mint->call, &mint->snapshot->config, order->role, &mint->limits, err));
    if (order->ttl_s <= 0)
        return VP_OK;
    if (order->ttl_s <= mint->limits.max_ttl_s) {
        mint->limits.ttl_s = order->ttl_s;
        return VP_OK;
    }
    mint->limits.ttl_s = mint->limits.max_ttl_s;
    (void)snprintf(words, sizeof words, "ttl of %llds exceeds the maximum of %llds; the maximum is used",
                   (long long)order->ttl_s, (long long)mint->limits.max_ttl_s);
    return vp_texts_add(&mint->call->reply->warnings, words, err);
}

static enum vp_code choose_scopes(struct mint *mint, struct vp_error *err)
{
    if (mint->order->role == NULL)
        return vp_texts_add(&mint->lease.scopes, "all", err);
    return vp_texts_copy(&mint->order->role->scopes, &mint->lease.scopes, err);
}

static enum vp_code prepare(struct mint *mint, struct vp_error *err)
{
    struct tokens_lease *lease = &mint->lease;
    VP_TRY(choose_ttl(mint, err));
    VP_TRY(
        tokens_user_find(mint->call, mint->snapshot, mint->order->user, mint->order->admins_allowed, &mint->user, err));
    VP_TRY(choose_scopes(mint, err));
    memcpy(lease->site_id, mint->snapshot->site_id, sizeof lease->site_id);
    (void)snprintf(lease->user_uuid, sizeof lease->user_uuid, "%s", mint->user.uuid);
    if (mint->order->role_name != NULL && (lease->role = strdup(mint->order->role_name)) == NULL)
        return vp_fail_no_memory(err);
    lease->admins = mint->order->admins_allowed;
    lease->issued_at_s = now_s(mint->call);
    lease->ttl_s = mint->limits.ttl_s;
    lease->max_ttl_s = mint->limits.max_ttl_s;
    return VP_OK;
}

/* ---- what is sent ---- */

static int64_t last_end_s(const struct mint *mint)
{
    return mint->lease.issued_at_s + mint->lease.max_ttl_s + TOKENS_EXPIRY_MARGIN_S;
}

static enum vp_code choose_secrets(struct mint *mint, struct vp_error *err)
{
    size_t n = tokens_scopes_are_all(&mint->lease.scopes) ? 1 : 2;
    VP_TRY(tokens_wal_init(&mint->entry, mint->snapshot->site_id, err));
    mint->entry.expires_at_s = last_end_s(mint);
    for (size_t i = 0; i < n; i++) {
        mint->entry.secrets[i] = arv_token_secret_new();
        if (mint->entry.secrets[i] == NULL)
            return vp_fail_no_memory(err);
    }
    return VP_OK;
}

static enum vp_code create(struct mint *mint, const struct vp_texts *scopes, const struct vp_secret *secret,
                           int64_t expires_at_s, struct arv_minted *ret_minted, struct vp_secret **ret_token,
                           struct vp_error *err)
{
    const struct arv_credentials admin = tokens_admin(mint->call, mint->snapshot);
    const struct arv_new_token wanted = {
        .owner_uuid = mint->user.uuid, .scopes = scopes, .expires_at_s = expires_at_s, .secret = secret
    };
    VP_TRY(tokens_admin_fault(arv_token_create(mint->snapshot->arvados, &admin, &wanted, ret_minted, err), err));
    *ret_token = arv_token_of(ret_minted->uuid, secret);
    return *ret_token == NULL ? vp_fail_no_memory(err) : VP_OK;
}

static enum vp_code create_keeper(struct mint *mint, struct vp_error *err)
{
    char put[128];
    char delete[128];
    char *scopes[] = { put, delete };
    struct arv_minted minted;
    (void)snprintf(put, sizeof put, "PUT " COLLECTION "/%s", mint->lease.token_uuid);
    (void)snprintf(delete, sizeof delete, "DELETE " COLLECTION "/%s", mint->lease.token_uuid);
    return create(mint, &(const struct vp_texts){ scopes, 2 }, mint->entry.secrets[1], last_end_s(mint), &minted,
                  &mint->lease.keeper, err);
}

static enum vp_code create_tokens(struct mint *mint, struct vp_error *err)
{
    struct tokens_lease *lease = &mint->lease;
    struct arv_minted minted;
    int64_t expires_at_s = lease->issued_at_s + lease->ttl_s + TOKENS_EXPIRY_MARGIN_S;
    VP_TRY(create(mint, &lease->scopes, mint->entry.secrets[0], expires_at_s, &minted, &lease->token, err));
    (void)snprintf(lease->token_uuid, sizeof lease->token_uuid, "%s", minted.uuid);
    lease->expires_at_s = minted.expires_at_s;
    return mint->entry.secrets[1] == NULL ? VP_OK : create_keeper(mint, err);
}

/* ---- the answer ---- */

static void write_data(const struct mint *mint, struct vp_json_writer *writer)
{
    const struct tokens_lease *lease = &mint->lease;
    vp_json_open_object(writer);
    vp_json_add_text(writer, "user_token", vp_secret_reveal(lease->token));
    vp_json_add_text(writer, "token_uuid", lease->token_uuid);
    vp_json_add_text(writer, "user_uuid", lease->user_uuid);
    vp_json_add_text(writer, "username", mint->user.username);
    vp_json_put_key(writer, "scopes");
    vp_json_open_array(writer);
    for (size_t i = 0; i < lease->scopes.n; i++)
        vp_json_put_text(writer, lease->scopes.items[i]);
    vp_json_close_array(writer);
    mount_put_time(writer, "expires_at", lease->expires_at_s);
    vp_json_add_text(writer, "arvados_api_host", mint->snapshot->config.site.arvados_api_host);
    vp_json_close_object(writer);
}

static enum vp_code answer(struct mint *mint, struct vp_error *err)
{
    struct logical_reply *reply = mint->call->reply;
    const struct tokens_lease *lease = &mint->lease;
    struct vp_json_writer writer;
    int64_t left_s = lease->expires_at_s - TOKENS_EXPIRY_MARGIN_S - lease->issued_at_s; /* a site may have a maximum */
    if (left_s < LEASE_MIN_S)
        return vp_fail(err, VP_REASON_LIFETIME_TOO_SHORT, "Arvados gives the token no more than %llds",
                       (long long)(lease->expires_at_s - lease->issued_at_s));
    vp_json_begin(&writer, &reply->data);
    write_data(mint, &writer);
    VP_TRY(vp_buf_check(&reply->data, "the answer", err));
    struct logical_secret *secret = calloc(1, sizeof *secret);
    if (secret == NULL)
        return vp_fail_no_memory(err);
    reply->secret = secret;
    secret->ttl_s = left_s < lease->ttl_s ? left_s : lease->ttl_s;
    secret->max_ttl_s = lease->max_ttl_s;
    secret->renewable = true;
    secret->internal_data = tokens_lease_encode(lease);
    reply->unsettled = strdup(mint->entry.id);
    return secret->internal_data == NULL || reply->unsettled == NULL ? vp_fail_no_memory(err) : VP_OK;
}

/* ---- all of it ---- */

/* Nothing was made: Arvados refused the first request, and no other was sent. */
static bool is_refusal(const struct mint *mint, const struct vp_error *err)
{
    return mint->lease.token == NULL &&
           (err->reason == VP_REASON_ADMIN_TOKEN || err->reason == VP_REASON_USER_INACTIVE);
}

static enum vp_code run(struct mint *mint, struct vp_error *err)
{
    VP_TRY(prepare(mint, err));
    VP_TRY(choose_secrets(mint, err));
    VP_TRY(tokens_wal_begin(mint->call, &mint->entry, err));
    enum vp_code code = create_tokens(mint, err);
    if (code == VP_OK)
        code = answer(mint, err);
    if (code == VP_OK)
        return VP_OK;
    /* What failed otherwise may have made a token all the same; the entry stays, and the next rollback finds out. */
    if (is_refusal(mint, err))
        tokens_wal_drop(mint->call, mint->entry.id);
    tokens_wal_release(mint->call, mint->entry.id);
    return code;
}

enum vp_code tokens_mint(const struct logical_call *call, const struct tokens_snapshot *snapshot,
                         const struct tokens_order *order, struct vp_error *err)
{
    struct mint mint = { .call = call, .snapshot = snapshot, .order = order };
    enum vp_code code = run(&mint, err);
    arv_user_clear(&mint.user);
    tokens_wal_clear(&mint.entry);
    tokens_lease_clear(&mint.lease);
    return code;
}

/* ---- the last step ---- */

void tokens_finish(const struct logical_call *call, const char *unsettled, bool delivered)
{
    if (delivered)
        tokens_wal_settle(call, unsettled);
    else
        tokens_wal_release(call, unsettled);
}
