#include "lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "role.h"
#include "user.h"
#include "wal.h"

enum {
    DATA_VERSION = 1,
    DATA_MAX = 128 * 1024, /* 64 scopes of 512 bytes, escaped */
    LEASE_MIN_S = 1,
    CLOCK_MARGIN_S = 60, /* between hosts; how long after its expiry a token is certainly invalid */
};

/* ---- internal data ---- */

char *tokens_lease_encode(const struct tokens_lease *lease)
{
    struct vp_buf text = VP_BUF_INIT(DATA_MAX);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &text);
    vp_json_open_object(&writer);
    vp_json_add_int(&writer, "lease_version", DATA_VERSION);
    vp_json_add_text(&writer, "site", lease->site_id);
    vp_json_add_text(&writer, "token_uuid", lease->token_uuid);
    vp_json_add_text(&writer, "user_uuid", lease->user_uuid);
    vp_json_add_text(&writer, "role", lease->role);
    vp_json_add_bool(&writer, "admins", lease->admins);
    vp_json_put_key(&writer, "scopes");
    vp_json_open_array(&writer);
    for (size_t i = 0; i < lease->scopes.n; i++)
        vp_json_put_text(&writer, lease->scopes.items[i]);
    vp_json_close_array(&writer);
    vp_json_add_text(&writer, "token", vp_secret_reveal(lease->token));
    vp_json_add_text(&writer, "keeper", lease->keeper == NULL ? NULL : vp_secret_reveal(lease->keeper));
    /* As text: the host passes numbers of internal data through floating point. */
    const struct {
        const char *key;
        int64_t value;
    } TIMES[] = { { "issued_at", lease->issued_at_s },
                  { "ttl", lease->ttl_s },
                  { "max_ttl", lease->max_ttl_s },
                  { "expires_at", lease->expires_at_s } };
    for (size_t i = 0; i < sizeof TIMES / sizeof TIMES[0]; i++) {
        char number[24];
        (void)snprintf(number, sizeof number, "%lld", (long long)TIMES[i].value);
        vp_json_add_text(&writer, TIMES[i].key, number);
    }
    vp_json_close_object(&writer);
    char *taken = text.failed ? NULL : vp_buf_take(&text);
    vp_buf_clear(&text);
    return taken;
}

struct read {
    int64_t version;
    const char *site, *token_uuid, *user_uuid, *role, *token, *keeper;
    const char *issued_at, *ttl, *max_ttl, *expires_at;
    const struct vp_json *scopes;
    bool admins;
};

static bool read_number(const char *text, int64_t *ret_number)
{
    char *end = NULL;
    long long number = strtoll(text, &end, 10);
    *ret_number = number;
    return *text >= '0' && *text <= '9' && *end == '\0' && strlen(text) < 19;
}

static enum vp_code take_secrets(const struct read *read, struct tokens_lease *lease, struct vp_error *err)
{
    lease->token = vp_secret_new(read->token, strlen(read->token));
    if (lease->token == NULL)
        return vp_fail_no_memory(err);
    if (read->keeper == NULL)
        return VP_OK;
    lease->keeper = vp_secret_new(read->keeper, strlen(read->keeper));
    return lease->keeper == NULL ? vp_fail_no_memory(err) : VP_OK;
}

static enum vp_code take(const struct read *read, struct tokens_lease *lease, struct vp_error *err)
{
    if (read->version != DATA_VERSION || !arv_is_uuid(read->token_uuid, "gj3su") ||
        !arv_is_user_uuid(read->user_uuid) || !read_number(read->issued_at, &lease->issued_at_s) ||
        !read_number(read->ttl, &lease->ttl_s) || !read_number(read->max_ttl, &lease->max_ttl_s) ||
        !read_number(read->expires_at, &lease->expires_at_s))
        return vp_fail(err, VP_REASON_INTERNAL, "the lease's internal data are of another version of this plugin");
    (void)snprintf(lease->site_id, sizeof lease->site_id, "%s", read->site);
    (void)snprintf(lease->token_uuid, sizeof lease->token_uuid, "%s", read->token_uuid);
    (void)snprintf(lease->user_uuid, sizeof lease->user_uuid, "%s", read->user_uuid);
    lease->admins = read->admins;
    if (read->role != NULL && (lease->role = strdup(read->role)) == NULL)
        return vp_fail_no_memory(err);
    for (size_t i = 0; i < vp_json_len(read->scopes); i++)
        VP_TRY(vp_texts_add(&lease->scopes, vp_json_text(vp_json_at(read->scopes, i)), err));
    return take_secrets(read, lease, err);
}

enum vp_code tokens_lease_decode(const char *internal_data, struct tokens_lease *ret_lease, struct vp_error *err)
{
    static const struct vp_json_source SOURCE = { .what = "the lease's internal data",
                                                  .reason = VP_REASON_INTERNAL,
                                                  .max_bytes = DATA_MAX,
                                                  .max_depth = 3,
                                                  .max_tokens = 400 };
#define TEXT(member, flags, max)                                            \
    {                                                                       \
#member, VP_JSON_TO_TEXT, offsetof(struct read, member), flags, max \
    }
    static const struct vp_json_field FIELDS[] = {
        { "lease_version", VP_JSON_TO_INT, offsetof(struct read, version), 0, 0 },
        TEXT(site, 0, TOKENS_SITE_ID_LEN),
        TEXT(token_uuid, 0, ARV_UUID_LEN),
        TEXT(user_uuid, 0, ARV_UUID_LEN),
        TEXT(role, VP_JSON_OR_NULL, 128),
        TEXT(token, 0, 256),
        TEXT(keeper, VP_JSON_OR_NULL, 256),
        TEXT(issued_at, 0, 24),
        TEXT(ttl, 0, 24),
        TEXT(max_ttl, 0, 24),
        TEXT(expires_at, 0, 24),
        { "scopes", VP_JSON_TO_TEXTS, offsetof(struct read, scopes), 0, 0 },
        { "admins", VP_JSON_TO_BOOL, offsetof(struct read, admins), 0, 0 },
        { 0 },
    };
#undef TEXT
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct tokens_lease lease = { 0 };
    struct read read = { 0 };
    VP_TRY(vp_json_parse(internal_data, strlen(internal_data), &SOURCE, &document, err));
    VP_TRY(vp_json_decode(document, FIELDS, &SOURCE, &read, err));
    enum vp_code code = take(&read, &lease, err);
    if (code != VP_OK) {
        tokens_lease_clear(&lease);
        return code;
    }
    *ret_lease = lease;
    return VP_OK;
}

void tokens_lease_clear(struct tokens_lease *lease)
{
    free(lease->role);
    vp_texts_clear(&lease->scopes);
    vp_secret_free(lease->token);
    vp_secret_free(lease->keeper);
    *lease = (struct tokens_lease){ 0 };
}

/* ---- lifetimes ---- */

static int64_t first_set(int64_t a, int64_t b, int64_t c)
{
    if (a > 0)
        return a;
    return b > 0 ? b : c;
}

enum vp_code tokens_limits_get(const struct logical_call *call, const struct tokens_config *config,
                               const struct tokens_role *role, struct tokens_limits *ret_limits, struct vp_error *err)
{
    int64_t default_s = 0;
    int64_t max_s = 0;
    VP_TRY(call->system->lease_ttls(call->system->self, call->cancel, &default_s, &max_s, err));
    if (default_s <= 0 || max_s <= 0)
        return vp_fail(err, VP_REASON_INTERNAL, "the server has no lease TTL for this mount");
    int64_t max_ttl_s = first_set(role == NULL ? 0 : role->max_ttl_s, config->max_ttl_s, max_s);
    int64_t ttl_s = first_set(role == NULL ? 0 : role->ttl_s, config->ttl_s, default_s);
    ret_limits->max_ttl_s = max_ttl_s < max_s ? max_ttl_s : max_s;
    ret_limits->ttl_s = ttl_s < ret_limits->max_ttl_s ? ttl_s : ret_limits->max_ttl_s;
    return VP_OK;
}

static int64_t now_s(const struct logical_call *call)
{
    const struct mount_core *core = call->mount;
    return core->shared->clock->now_s(core->shared->clock->self);
}

static enum vp_code read_lease(const struct logical_call *call, struct tokens_lease *lease, struct vp_error *err)
{
    if (call->secret == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "only leases are renewed and revoked here");
    return tokens_lease_decode(call->secret->internal_data, lease, err);
}

/* ---- renewal ---- */

/* What a changed role allows no more is not extended. */
static enum vp_code check_role(const struct tokens_lease *lease, const struct tokens_role *role, struct vp_error *err)
{
    bool same = lease->scopes.n == role->scopes.n;
    for (size_t i = 0; same && i < lease->scopes.n; i++)
        same = vp_texts_has(&role->scopes, lease->scopes.items[i]);
    if (same && !tokens_role_is_self(role))
        same = strcmp(role->user, lease->user_uuid) == 0;
    if (same)
        return VP_OK;
    return vp_fail(err, VP_REASON_BAD_REQUEST,
                   "role \"%.128s\" has another user or other scopes by now: read a new token instead of renewing",
                   lease->role);
}

static enum vp_code load_role(const struct logical_call *call, const struct tokens_lease *lease,
                              struct tokens_role *role, struct vp_error *err)
{
    bool found = false;
    VP_TRY(tokens_role_load(call, lease->role, role, &found, err));
    if (!found)
        return vp_fail(err, VP_REASON_ROLE_UNKNOWN, "role \"%.128s\" does not exist any more", lease->role);
    return check_role(lease, role, err);
}

/* The TTL that the host will give this lease: it takes the client's wish first, up to the maximum that it is told. */
static enum vp_code choose_ttl(const struct logical_call *call, const struct tokens_snapshot *snapshot,
                               const struct tokens_role *role, const struct tokens_lease *lease, int64_t *ret_ttl_s,
                               struct vp_error *err)
{
    struct tokens_limits limits;
    VP_TRY(tokens_limits_get(call, &snapshot->config, role, &limits, err));
    int64_t max_ttl_s = limits.max_ttl_s < lease->max_ttl_s ? limits.max_ttl_s : lease->max_ttl_s;
    int64_t left_s = lease->issued_at_s + max_ttl_s - now_s(call);
    int64_t wanted_s = call->secret->increment_s > 0 ? call->secret->increment_s : lease->ttl_s;
    if (left_s < LEASE_MIN_S)
        return vp_fail(err, VP_REASON_LIFETIME_TOO_SHORT, "max_ttl is reached: read a new token instead of renewing");
    *ret_ttl_s = wanted_s < left_s ? wanted_s : left_s;
    return VP_OK;
}

static enum vp_code extend(const struct logical_call *call, const struct tokens_snapshot *snapshot,
                           struct tokens_lease *lease, int64_t expires_at_s, struct vp_error *err)
{
    const struct vp_secret *token = lease->keeper == NULL ? lease->token : lease->keeper;
    const struct arv_credentials own = mount_credentials(call, &snapshot->config.site, token, false);
    struct vp_error fault = { 0 };
    enum vp_code code =
        arv_token_extend(snapshot->arvados, &own, lease->token_uuid, expires_at_s, &lease->expires_at_s, &fault);
    if (code == VP_OK)
        return VP_OK;
    if (code == VP_ERR_DENIED) {
        code =
            vp_fail(err, fault.reason,
                    "the Arvados token %s of this lease is gone or was changed: read a new token instead of renewing",
                    lease->token_uuid);
        vp_error_add_detail(err, "%s", fault.detail);
        return code;
    }
    *err = fault;
    return code;
}

/* The user is looked up first: one who was deactivated gets no more time. */
static enum vp_code renew_lease(const struct logical_call *call, const struct tokens_snapshot *snapshot,
                                const struct tokens_role *role, struct tokens_lease *lease, int64_t *ret_ttl_s,
                                struct vp_error *err)
{
    struct arv_user user = { 0 };
    bool admins_allowed = role != NULL && role->allow_admins && lease->admins;
    VP_TRY(choose_ttl(call, snapshot, role, lease, ret_ttl_s, err));
    VP_TRY(tokens_user_find(call, snapshot, lease->user_uuid, admins_allowed, &user, err));
    arv_user_clear(&user);
    int64_t now = now_s(call);
    VP_TRY(extend(call, snapshot, lease, now + *ret_ttl_s + TOKENS_EXPIRY_MARGIN_S, err));
    int64_t left_s = lease->expires_at_s - TOKENS_EXPIRY_MARGIN_S - now; /* a site may have a maximum of its own */
    *ret_ttl_s = left_s < *ret_ttl_s ? left_s : *ret_ttl_s;
    if (*ret_ttl_s < LEASE_MIN_S)
        return vp_fail(err, VP_REASON_LIFETIME_TOO_SHORT, "Arvados gives the token no more time");
    return VP_OK;
}

static enum vp_code answer_renewal(const struct logical_call *call, const struct tokens_lease *lease, int64_t ttl_s,
                                   struct vp_error *err)
{
    struct logical_secret *secret = calloc(1, sizeof *secret);
    if (secret == NULL)
        return vp_fail_no_memory(err);
    call->reply->secret = secret;
    secret->internal_data = tokens_lease_encode(lease);
    secret->renewable = true;
    secret->ttl_s = ttl_s;
    /* Up to here and no further: the host would give the client's wish up to the maximum. */
    secret->max_ttl_s = now_s(call) - call->secret->issued_at_s + ttl_s;
    return secret->internal_data == NULL ? vp_fail_no_memory(err) : VP_OK;
}

static enum vp_code renew(const struct logical_call *call, struct tokens_lease *lease, struct vp_error *err)
{
    VP_AUTO(tokens_snapshot_freep) struct tokens_snapshot *snapshot = NULL;
    struct tokens_role role = { 0 };
    int64_t ttl_s = 0;
    VP_TRY(read_lease(call, lease, err));
    VP_TRY(tokens_snapshot_get(call, &snapshot, err));
    if (strcmp(snapshot->site_id, lease->site_id) != 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "the mount has another Arvados server by now: read a new token instead of renewing");
    enum vp_code code = lease->role == NULL ? VP_OK : load_role(call, lease, &role, err);
    if (code == VP_OK)
        code = renew_lease(call, snapshot, lease->role == NULL ? NULL : &role, lease, &ttl_s, err);
    if (code == VP_OK)
        code = answer_renewal(call, lease, ttl_s, err);
    tokens_role_clear(&role);
    return code;
}

enum vp_code tokens_renew(const struct logical_call *call, struct vp_error *err)
{
    struct tokens_mount *mount = call->mount;
    struct tokens_lease lease = { 0 };
    if (call->standby)
        return logical_forward(err);
    enum vp_code code = renew(call, &lease, err);
    tokens_lease_clear(&lease);
    tokens_outcomes_count(&mount->counters.renewals, code, err);
    return code;
}

/* ---- revocation ---- */

/* With "all" the token deletes itself. One of narrow scopes is logged out, which no scopes forbid. Its keeper goes first: a renewal
 * of the keeper's that is still on its way would bring a token back that was only logged out. */
static enum vp_code end_at(const struct logical_call *call, const struct tokens_lease *lease, struct arv_client *client,
                           const struct mount_site *site, struct vp_error *err)
{
    const struct arv_credentials own = mount_credentials(call, site, lease->token, false);
    if (lease->keeper == NULL)
        return arv_token_end(client, &own, lease->token_uuid, err);
    const struct arv_credentials keeper = mount_credentials(call, site, lease->keeper, false);
    VP_TRY(arv_token_log_out(client, &keeper, err));
    return arv_token_log_out(client, &own, err);
}

static enum vp_code end_elsewhere(const struct logical_call *call, const struct tokens_lease *lease,
                                  struct vp_error *err)
{
    struct mount_site site = { 0 };
    struct arv_client *client = NULL;
    VP_TRY(tokens_site_load(call, lease->site_id, &site, err));
    enum vp_code code = mount_client_new(call->mount, &site, &client, err);
    if (code == VP_OK)
        code = end_at(call, lease, client, &site, err);
    arv_client_free(client);
    tokens_site_clear(&site);
    return code;
}

/* Where the token was minted, also when the config was deleted or has another server by now. */
enum vp_code tokens_lease_end(const struct logical_call *call, const struct tokens_lease *lease, struct vp_error *err)
{
    VP_AUTO(tokens_snapshot_freep) struct tokens_snapshot *snapshot = NULL;
    struct vp_error fault = { 0 };
    if (tokens_snapshot_get(call, &snapshot, &fault) == VP_OK && strcmp(snapshot->site_id, lease->site_id) == 0)
        return end_at(call, lease, snapshot->arvados, &snapshot->config.site, err);
    if (fault.reason == VP_REASON_HOST || fault.reason == VP_REASON_CANCELLED) {
        *err = fault;
        return vp_reason_code(fault.reason);
    }
    return end_elsewhere(call, lease, err);
}

/* A lease that has run out while Arvados can't be reached: the host tries some minutes long and then gives the lease up. Its token
 * is expired by now, as far as is known; if a renewal's answer was lost it may not be, so rollbacks look after it. */
enum vp_code tokens_lease_hand_over(const struct logical_call *call, const struct tokens_lease *lease,
                                    struct vp_error *err)
{
    struct tokens_wal entry;
    const struct vp_secret *tokens[TOKENS_WAL_SECRETS] = { lease->token, lease->keeper };
    VP_TRY(tokens_wal_init(&entry, lease->site_id, err));
    entry.expires_at_s = lease->issued_at_s + lease->max_ttl_s + TOKENS_EXPIRY_MARGIN_S;
    enum vp_code code = VP_OK;
    for (size_t i = 0; code == VP_OK && i < TOKENS_WAL_SECRETS && tokens[i] != NULL; i++) {
        entry.secrets[i] = arv_token_secret_of(tokens[i]);
        if (entry.secrets[i] == NULL)
            code = vp_fail_no_memory(err);
    }
    if (code == VP_OK)
        code = tokens_wal_hand_over(call, &entry, err);
    tokens_wal_clear(&entry);
    return code;
}

static enum vp_code revoke(const struct logical_call *call, struct tokens_lease *lease, struct vp_error *err)
{
    VP_TRY(read_lease(call, lease, err));
    enum vp_code code = tokens_lease_end(call, lease, err);
    bool outage = code == VP_ERR_UNAVAILABLE || code == VP_ERR_UPSTREAM;
    if (outage && err->reason != VP_REASON_CANCELLED && now_s(call) > lease->expires_at_s + CLOCK_MARGIN_S)
        return tokens_lease_hand_over(call, lease, err);
    return code;
}

enum vp_code tokens_revoke(const struct logical_call *call, struct vp_error *err)
{
    struct tokens_mount *mount = call->mount;
    struct tokens_lease lease = { 0 };
    if (call->standby)
        return logical_forward(err);
    enum vp_code code = revoke(call, &lease, err);
    tokens_lease_clear(&lease);
    tokens_outcomes_count(&mount->counters.revocations, code, err);
    return code;
}
