#include "wal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "vp/log.h"

enum {
    ENTRY_VERSION = 1,
    ENTRY_MAX = 4096,
    ACTIVE_MAX_MS = 2 * 60 * 1000, /* longer than the host lets any request last */
    BUDGET_MS = 60 * 1000,         /* of one rollback; the host gives it 90 s */
    CLOCK_MARGIN_S = 120,          /* how long after its expiry a token is certainly invalid, whatever Arvados' clock */
};

/* ---- entries ---- */

static bool hex_random(char *text, size_t len)
{
    unsigned char bytes[TOKENS_WAL_ID_LEN / 2];
    if (getrandom(bytes, len / 2, 0) != (ssize_t)(len / 2))
        return false;
    for (size_t i = 0; i < len / 2; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

enum vp_code tokens_wal_init(struct tokens_wal *entry, const char *site_id, struct vp_error *err)
{
    *entry = (struct tokens_wal){ 0 };
    memcpy(entry->site_id, site_id, sizeof entry->site_id);
    return hex_random(entry->id, TOKENS_WAL_ID_LEN) ? VP_OK
                                                    : vp_fail(err, VP_REASON_INTERNAL, "no random numbers available");
}

void tokens_wal_clear(struct tokens_wal *entry)
{
    for (size_t i = 0; i < TOKENS_WAL_SECRETS; i++)
        vp_secret_free(entry->secrets[i]);
    *entry = (struct tokens_wal){ 0 };
}

static enum vp_code key_of(const char *id, struct vp_buf *key, struct vp_error *err)
{
    vp_buf_add_format(key, TOKENS_WAL_PREFIX "%.64s", id);
    return vp_buf_check(key, "a storage key", err);
}

static void encode(const struct tokens_wal *entry, struct vp_buf *text)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, text);
    vp_json_open_object(&writer);
    vp_json_add_int(&writer, "wal_version", ENTRY_VERSION);
    vp_json_add_text(&writer, "site", entry->site_id);
    vp_json_add_int(&writer, "expires_at", entry->expires_at_s);
    vp_json_put_key(&writer, "secrets");
    vp_json_open_array(&writer);
    for (size_t i = 0; i < TOKENS_WAL_SECRETS && entry->secrets[i] != NULL; i++)
        vp_json_put_text(&writer, vp_secret_reveal(entry->secrets[i]));
    vp_json_close_array(&writer);
    vp_json_close_object(&writer);
}

struct read {
    int64_t version;
    const char *site;
    int64_t expires_at;
    const struct vp_json *secrets;
};

static enum vp_code decode(const struct vp_buf *text, struct tokens_wal *entry, struct vp_error *err)
{
    static const struct vp_json_source SOURCE = { .what = "a write-ahead entry",
                                                  .reason = VP_REASON_CONFIG_UNREADABLE,
                                                  .max_bytes = ENTRY_MAX,
                                                  .max_depth = 3,
                                                  .max_tokens = 64 };
    static const struct vp_json_field FIELDS[] = {
        { "wal_version", VP_JSON_TO_INT, offsetof(struct read, version), 0, 0 },
        { "site", VP_JSON_TO_TEXT, offsetof(struct read, site), 0, TOKENS_SITE_ID_LEN },
        { "expires_at", VP_JSON_TO_INT, offsetof(struct read, expires_at), 0, 0 },
        { "secrets", VP_JSON_TO_TEXTS, offsetof(struct read, secrets), 0, ARV_SECRET_MAX },
        { 0 },
    };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct read read = { 0 };
    VP_TRY(vp_json_parse(vp_buf_text(text), text->len, &SOURCE, &document, err));
    VP_TRY(vp_json_decode(document, FIELDS, &SOURCE, &read, err));
    size_t n = vp_json_len(read.secrets);
    if (read.version != ENTRY_VERSION || n == 0 || n > TOKENS_WAL_SECRETS)
        return vp_fail(err, VP_REASON_CONFIG_UNREADABLE, "a write-ahead entry of another version of this plugin");
    (void)snprintf(entry->site_id, sizeof entry->site_id, "%s", read.site);
    entry->expires_at_s = read.expires_at;
    for (size_t i = 0; i < n; i++) {
        const char *secret = vp_json_text(vp_json_at(read.secrets, i));
        entry->secrets[i] = vp_secret_new(secret, strlen(secret));
        if (entry->secrets[i] == NULL)
            return vp_fail_no_memory(err);
    }
    return VP_OK;
}

/* ---- mints under way ---- */

static int64_t now_ms(const struct tokens_mount *mount)
{
    const struct vp_clock *clock = mount->core.shared->clock;
    return clock->monotonic_ms(clock->self);
}

static enum vp_code activate(struct tokens_mount *mount, const char *id, struct vp_error *err)
{
    pthread_mutex_lock(&mount->active_lock);
    struct tokens_active *more = reallocarray(mount->active, mount->n_active + 1, sizeof *more);
    if (more != NULL) {
        mount->active = more;
        mount->active[mount->n_active] = (struct tokens_active){ .since_ms = now_ms(mount) };
        (void)snprintf(mount->active[mount->n_active].id, sizeof more->id, "%s", id);
        mount->n_active++;
    }
    pthread_mutex_unlock(&mount->active_lock);
    return more == NULL ? vp_fail_no_memory(err) : VP_OK;
}

void tokens_wal_release(const struct logical_call *call, const char *id)
{
    struct tokens_mount *mount = call->mount;
    pthread_mutex_lock(&mount->active_lock);
    for (size_t i = 0; i < mount->n_active; i++)
        if (strcmp(mount->active[i].id, id) == 0)
            mount->active[i--] = mount->active[--mount->n_active];
    pthread_mutex_unlock(&mount->active_lock);
}

static void mark_settled(struct tokens_mount *mount, const char *id)
{
    pthread_mutex_lock(&mount->active_lock);
    for (size_t i = 0; i < mount->n_active; i++)
        mount->active[i].settled = mount->active[i].settled || strcmp(mount->active[i].id, id) == 0;
    pthread_mutex_unlock(&mount->active_lock);
}

/* What a rollback has to do about an entry. Requests that must have ended without a release are forgotten. */
enum duty { END_TOKENS, REMOVE_ENTRY, LEAVE_ALONE };

static enum duty duty_of(struct tokens_mount *mount, const char *id)
{
    enum duty duty = END_TOKENS;
    int64_t now = now_ms(mount);
    pthread_mutex_lock(&mount->active_lock);
    for (size_t i = 0; i < mount->n_active; i++) {
        if (!mount->active[i].settled && now - mount->active[i].since_ms >= ACTIVE_MAX_MS)
            mount->active[i--] = mount->active[--mount->n_active];
        else if (strcmp(mount->active[i].id, id) == 0)
            duty = mount->active[i].settled ? REMOVE_ENTRY : LEAVE_ALONE;
    }
    pthread_mutex_unlock(&mount->active_lock);
    return duty;
}

/* ---- storage ---- */

/* Not cancelled with its caller: what is cancelled may be stored all the same. */
enum vp_code tokens_wal_hand_over(const struct logical_call *call, const struct tokens_wal *entry, struct vp_error *err)
{
    struct vp_buf key = VP_BUF_INIT(128);
    struct vp_buf text = VP_BUF_INIT(ENTRY_MAX);
    encode(entry, &text);
    enum vp_code code = key_of(entry->id, &key, err);
    if (code == VP_OK)
        code = vp_buf_check(&text, "a write-ahead entry", err);
    if (code == VP_OK)
        code =
            call->storage->put(call->storage->self, vp_buf_text(&key), vp_buf_text(&text), text.len, true, NULL, err);
    vp_buf_clear(&text);
    vp_buf_clear(&key);
    return code;
}

enum vp_code tokens_wal_begin(const struct logical_call *call, const struct tokens_wal *entry, struct vp_error *err)
{
    VP_TRY(activate(call->mount, entry->id, err));
    enum vp_code code = tokens_wal_hand_over(call, entry, err);
    if (code != VP_OK)
        tokens_wal_release(call, entry->id);
    return code;
}

enum vp_code tokens_wal_remove(const struct logical_call *call, const char *id, struct vp_error *err)
{
    struct vp_buf key = VP_BUF_INIT(128);
    enum vp_code code = key_of(id, &key, err);
    if (code == VP_OK)
        code = call->storage->remove(call->storage->self, vp_buf_text(&key), NULL, err);
    vp_buf_clear(&key);
    return code;
}

void tokens_wal_drop(const struct logical_call *call, const char *id)
{
    struct vp_error fault = { 0 };
    if (tokens_wal_remove(call, id, &fault) != VP_OK)
        vp_log(VP_LOG_DEBUG, "a write-ahead entry is left to the next rollback",
               (const struct vp_log_field[]){ { "reason", vp_reason_word(fault.reason), 0 }, { 0 } });
}

void tokens_wal_settle(const struct logical_call *call, const char *id)
{
    struct vp_error fault = { 0 };
    mark_settled(call->mount, id);
    if (tokens_wal_remove(call, id, &fault) == VP_OK)
        tokens_wal_release(call, id);
}

static enum vp_code load(const struct logical_call *call, const char *id, struct tokens_wal *entry, bool *ret_found,
                         struct vp_error *err)
{
    struct vp_buf key = VP_BUF_INIT(128);
    struct vp_buf text = VP_BUF_INIT(ENTRY_MAX);
    enum vp_code code = key_of(id, &key, err);
    if (code == VP_OK)
        code = call->storage->get(call->storage->self, vp_buf_text(&key), call->cancel, &text, ret_found, err);
    if (code == VP_OK && *ret_found)
        code = decode(&text, entry, err);
    vp_buf_clear(&text);
    vp_buf_clear(&key);
    return code;
}

/* ---- rollback ---- */

struct rollback {
    const struct logical_call *call;
    struct tokens_snapshot *snapshot;   /* NULL: the mount is not configured any more */
    char admin_owner[ARV_UUID_LEN + 1]; /* whose token the admin token is; "" until it is known */
    int64_t ends_ms;
};

/* Whose tokens claims make. */
static enum vp_code find_owner(struct rollback *rollback, struct vp_error *err)
{
    const struct arv_credentials admin = tokens_admin(rollback->call, rollback->snapshot);
    struct arv_token token = { 0 };
    if (rollback->admin_owner[0] != '\0')
        return VP_OK;
    VP_TRY(tokens_admin_fault(arv_token_current(rollback->snapshot->arvados, &admin, &token, err), err));
    (void)snprintf(rollback->admin_owner, sizeof rollback->admin_owner, "%s", token.owner_uuid);
    arv_token_clear(&token);
    return VP_OK;
}

/* With the admin token: a claim on the secret succeeds if no token has it, and then none ever will; else there is one to log
 * out. Either way a request that is still on its way to Arvados comes too late. */
static enum vp_code end_by_claim(struct rollback *rollback, const struct vp_secret *secret, struct vp_error *err)
{
    const struct logical_call *call = rollback->call;
    struct tokens_snapshot *snapshot = rollback->snapshot;
    bool taken = false;
    VP_TRY(find_owner(rollback, err));
    const struct arv_credentials admin = tokens_admin(call, snapshot);
    VP_TRY(tokens_admin_fault(arv_token_claim(snapshot->arvados, &admin, rollback->admin_owner, secret, &taken, err),
                              err));
    if (!taken)
        return VP_OK;
    const struct arv_credentials own = mount_credentials(call, &snapshot->config.site, secret, false);
    return arv_token_log_out(snapshot->arvados, &own, err);
}

/* Without it: logged out each time, and kept until a token that comes to exist later would be expired too. */
static enum vp_code end_by_logout(struct rollback *rollback, const struct tokens_wal *entry, struct arv_client *client,
                                  const struct mount_site *site, struct vp_error *err)
{
    const struct vp_clock *clock = rollback->snapshot == NULL
                                       ? &VP_CLOCK_SYSTEM
                                       : ((struct tokens_mount *)rollback->call->mount)->core.shared->clock;
    for (size_t i = TOKENS_WAL_SECRETS; i-- > 0;) {
        if (entry->secrets[i] == NULL)
            continue;
        const struct arv_credentials own = mount_credentials(rollback->call, site, entry->secrets[i], false);
        VP_TRY(arv_token_log_out(client, &own, err));
    }
    if (entry->expires_at_s != VP_TIME_NONE && clock->now_s(clock->self) - entry->expires_at_s > CLOCK_MARGIN_S)
        return VP_OK;
    return vp_fail(err, VP_REASON_ADMIN_TOKEN,
                   "tokens of an interrupted request were ended, but without a working admin_token of their site it is "
                   "not "
                   "certain that none appears later; this is tried again each minute until they would be expired");
}

static enum vp_code end_elsewhere(struct rollback *rollback, const struct tokens_wal *entry, struct vp_error *err)
{
    struct mount_site site = { 0 };
    struct arv_client *client = NULL;
    VP_TRY(tokens_site_load(rollback->call, entry->site_id, &site, err));
    enum vp_code code = mount_client_new(rollback->call->mount, &site, &client, err);
    if (code == VP_OK)
        code = end_by_logout(rollback, entry, client, &site, err);
    arv_client_free(client);
    tokens_site_clear(&site);
    return code;
}

/* A rotation that was interrupted: the secret in the config is the one that the mount works with. */
static bool is_in_use(const struct rollback *rollback, const struct vp_secret *secret)
{
    if (rollback->snapshot == NULL)
        return false;
    VP_AUTO(vp_secret_freep) struct vp_secret *in_use = arv_token_secret_of(rollback->snapshot->config.admin_token);
    return in_use == NULL || vp_secret_equal(in_use, secret);
}

static enum vp_code end_here(struct rollback *rollback, const struct tokens_wal *entry, struct vp_error *err)
{
    for (size_t i = TOKENS_WAL_SECRETS; i-- > 0;) {
        if (entry->secrets[i] == NULL || is_in_use(rollback, entry->secrets[i]))
            continue;
        enum vp_code code = end_by_claim(rollback, entry->secrets[i], err);
        if (code != VP_OK && err->reason == VP_REASON_ADMIN_TOKEN)
            return end_by_logout(rollback, entry, rollback->snapshot->arvados, &rollback->snapshot->config.site, err);
        VP_TRY(code);
    }
    return VP_OK;
}

static enum vp_code end_entry(struct rollback *rollback, const char *id, struct vp_error *err)
{
    struct tokens_mount *mount = rollback->call->mount;
    struct tokens_wal entry = { 0 };
    bool found = false;
    enum vp_code code = load(rollback->call, id, &entry, &found, err);
    if (code != VP_OK || !found) {
        tokens_wal_clear(&entry);
        return code;
    }
    bool here = rollback->snapshot != NULL && strcmp(rollback->snapshot->site_id, entry.site_id) == 0;
    code = here ? end_here(rollback, &entry, err) : end_elsewhere(rollback, &entry, err);
    if (code == VP_OK)
        code = tokens_wal_remove(rollback->call, id, err);
    tokens_wal_clear(&entry);
    tokens_outcomes_count(&mount->counters.rollbacks, code, err);
    return code;
}

/* All entries get their turn, so that one that can't be ended holds up no other; an outage ends the round. */
static enum vp_code end_entries(struct rollback *rollback, const struct vp_texts *ids, struct vp_error *err)
{
    struct tokens_mount *mount = rollback->call->mount;
    struct vp_error first = { 0 };
    for (size_t i = 0; i < ids->n && now_ms(mount) < rollback->ends_ms; i++) {
        struct vp_error fault = { 0 };
        enum duty duty = duty_of(mount, ids->items[i]);
        enum vp_code code = VP_OK;
        if (duty == REMOVE_ENTRY)
            tokens_wal_settle(rollback->call, ids->items[i]);
        else if (duty == END_TOKENS)
            code = end_entry(rollback, ids->items[i], &fault);
        if (code != VP_OK && first.reason == VP_REASON_NONE)
            first = fault;
        if (code == VP_ERR_UNAVAILABLE || code == VP_ERR_HOST)
            break;
    }
    if (first.reason == VP_REASON_NONE)
        return VP_OK;
    *err = first;
    return vp_reason_code(first.reason);
}

static enum vp_code roll_back(const struct logical_call *call, struct vp_error *err)
{
    struct vp_texts ids = { 0 };
    struct rollback rollback = { .call = call, .ends_ms = now_ms(call->mount) + BUDGET_MS };
    VP_TRY(call->storage->list(call->storage->self, TOKENS_WAL_PREFIX, call->cancel, &ids, err));
    enum vp_code code = VP_OK;
    if (ids.n > 0)
        code = tokens_snapshot_get(call, &rollback.snapshot, err);
    if (code == VP_OK || err->reason == VP_REASON_NOT_CONFIGURED)
        code = end_entries(&rollback, &ids, err);
    tokens_snapshot_freep(&rollback.snapshot);
    vp_texts_clear(&ids);
    return code;
}

enum vp_code tokens_rollback(const struct logical_call *call, struct vp_error *err)
{
    struct tokens_mount *mount = call->mount;
    if (call->standby || pthread_mutex_trylock(&mount->rollback_lock) != 0)
        return VP_OK;
    enum vp_code code = roll_back(call, err);
    pthread_mutex_unlock(&mount->rollback_lock);
    return code;
}
