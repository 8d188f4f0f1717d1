/* What a mount remembers of Arvados: the links of its trusted owners, and memberships and links
 * of single users. */
#include "grant_cache.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "vp/thread.h"

enum {
    ENTRIES_MAX = 4096,                /* entries of one table */
    OWN_LINKS_MAX = 2 * ARV_LINKS_MAX, /* of all entries together: some 50 MB */
    LOOK_AROUND_MS = 100,
    RECENT_MS = 1000,
};

/* What Arvados answered about one user, asked among the groups of the table and a role's bound groups.
 * The groups are the key, not the role: a role that changes must not find the answer to its former groups. */
struct user_entry {
    char *user_uuid;
    struct vp_texts bound_groups;
    struct auth_user *user; /* NULL: pending, a request is under way */
};

struct auth_grant_table {
    atomic_uint references;
    struct arv_links links; /* all, or those to groups only where there are too many */
    bool groups_only;
    struct vp_texts groups; /* of this cluster, that links or the config name */
    int64_t asked_ms;       /* monotonic, before Arvados was asked */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t completed;
    void *entries; /* tree of struct user_entry, see tsearch(3) */
    size_t n_entries;
    size_t n_own_links; /* of all entries */
};

/* A refresh is one attempt to load the table. One runs at a time (single-flight). */
struct auth_grant_cache {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t refreshed;
    struct auth_grant_table *table; /* NULL: none */
    bool refreshing;
    uint64_t n_refreshes;
    struct vp_error failure; /* of the last refresh; reason NONE: it succeeded */

    atomic_bool too_many; /* links for one table. Not tried again before the config changes or an administrator asks */
};

/* ---- waiting for the answer of another request ---- */

static int64_t now_ms(const struct auth_request *request)
{
    return request->clock->monotonic_ms(request->clock->self);
}

/* Waits for a signal, at most LOOK_AROUND_MS: the caller has a deadline and a cancel flag of its
 * own. Lock held. */
static enum vp_code wait_a_little(const struct auth_request *request, pthread_cond_t *condition, pthread_mutex_t *lock,
                                  struct vp_error *err)
{
    struct timespec until;
    if (vp_cancel_is_set(request->cancel))
        return vp_fail(err, VP_REASON_CANCELLED, "nobody waits for the answer any more");
    if (now_ms(request) >= request->deadline_ms)
        return vp_fail(err, VP_REASON_UPSTREAM_TIMEOUT, "Arvados did not answer in time");
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_AROUND_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_cond_timedwait(condition, lock, &until);
    return VP_OK;
}

/* ---- tables ---- */

void auth_user_release(struct auth_user **place)
{
    struct auth_user *user = VP_TAKE(*place);
    if (user == NULL || atomic_fetch_sub(&user->references, 1) > 1)
        return;
    arv_memberships_clear(&user->memberships);
    arv_links_clear(&user->links);
    free(user);
}

static struct auth_user *hold_user(struct auth_user *user)
{
    atomic_fetch_add(&user->references, 1);
    return user;
}

static void free_entry(void *object)
{
    struct user_entry *entry = object;
    if (entry == NULL)
        return;
    free(entry->user_uuid);
    vp_texts_clear(&entry->bound_groups);
    auth_user_release(&entry->user);
    free(entry);
}

void auth_grant_table_release(struct auth_grant_table **place)
{
    struct auth_grant_table *table = VP_TAKE(*place);
    if (table == NULL || atomic_fetch_sub(&table->references, 1) > 1)
        return;
    tdestroy(table->entries, free_entry);
    pthread_cond_destroy(&table->completed);
    vp_texts_clear(&table->groups);
    arv_links_clear(&table->links);
    pthread_mutex_destroy(&table->lock);
    free(table);
}

static struct auth_grant_table *hold(struct auth_grant_table *table)
{
    atomic_fetch_add(&table->references, 1);
    return table;
}

const struct arv_links *auth_grant_table_links(const struct auth_grant_table *table)
{
    return &table->links;
}

bool auth_grant_table_is_of_groups_only(const struct auth_grant_table *table)
{
    return table->groups_only;
}

static const struct auth_config *config_of(const struct auth_request *request)
{
    return &request->snapshot->config;
}

enum vp_code auth_add_group(const struct auth_request *request, const char *uuid, struct vp_texts *groups,
                            struct vp_error *err)
{
    if (uuid == NULL || !arv_is_uuid(uuid, "j7d0g") || !arv_same_cluster(uuid, config_of(request)->cluster_id) ||
        vp_texts_has(groups, uuid))
        return VP_OK;
    return vp_texts_add(groups, uuid, err);
}

static enum vp_code add_listed(const struct auth_request *request, const struct vp_texts *uuids,
                               struct vp_texts *groups, struct vp_error *err)
{
    for (size_t i = 0; i < uuids->n; i++)
        VP_TRY(auth_add_group(request, uuids->items[i], groups, err));
    return VP_OK;
}

enum vp_code auth_links_to(const struct auth_request *request, const struct vp_secret *token, const char *tail_uuid,
                           struct arv_links *ret_links, struct vp_error *err)
{
    const struct arv_credentials credentials = auth_credentials(request, token);
    struct arv_link_query query = auth_link_query(config_of(request));
    struct vp_texts tails = { 0 };
    VP_TRY(vp_texts_add(&tails, tail_uuid, err));
    query.tail_uuids = &tails;
    enum vp_code code = arv_links_list(request->snapshot->arvados, &credentials, &query, ret_links, err);
    vp_texts_clear(&tails);
    return code;
}

/* All links. If they are too many, those to groups only: the links of one user are requested at
 * their login. `recount`: try all links even if they were too many before. */
static enum vp_code fill(const struct auth_request *request, bool recount, struct auth_grant_table *table,
                         struct vp_error *err)
{
    const struct auth_config *config = config_of(request);
    const struct arv_credentials credentials = auth_credentials(request, NULL);
    struct auth_grant_cache *cache = request->snapshot->cache;
    struct arv_link_query query = auth_link_query(config);
    query.too_many_is_fine = true;
    table->groups_only = !recount && atomic_load(&cache->too_many);
    if (!table->groups_only) {
        VP_TRY(arv_links_list(request->snapshot->arvados, &credentials, &query, &table->links, err));
        table->groups_only = table->links.too_many;
        atomic_store(&cache->too_many, table->groups_only);
    }
    query.too_many_is_fine = false;
    query.groups_of = config->cluster_id;
    if (table->links.too_many)
        query.proof_user_uuid[0] = '\0'; /* just proven */
    if (table->groups_only)
        VP_TRY(arv_links_list(request->snapshot->arvados, &credentials, &query, &table->links, err));
    for (size_t i = 0; i < table->links.n; i++)
        VP_TRY(auth_add_group(request, table->links.items[i].tail_uuid, &table->groups, err));
    return add_listed(request, &config->group_alias_uuids, &table->groups, err);
}

static enum vp_code load(const struct auth_request *request, bool recount, const struct vp_secret *token,
                         const char *user_uuid, struct auth_grant_table **ret_table, struct vp_error *err)
{
    struct auth_grant_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return vp_fail_no_memory(err);
    atomic_init(&table->references, 1);
    pthread_mutex_init(&table->lock, NULL);
    vp_condition_init(&table->completed);
    table->asked_ms = now_ms(request);
    enum vp_code code = config_of(request)->service_token != NULL
                            ? fill(request, recount, table, err)
                            : auth_links_to(request, token, user_uuid, &table->links, err);
    if (code != VP_OK) {
        auth_grant_table_release(&table);
        return code;
    }
    *ret_table = table;
    return VP_OK;
}

/* ---- the cache ---- */

enum vp_code auth_grant_cache_new(struct auth_grant_cache **ret_cache, struct vp_error *err)
{
    struct auth_grant_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return vp_fail_no_memory(err);
    pthread_mutex_init(&cache->lock, NULL);
    vp_condition_init(&cache->refreshed);
    *ret_cache = cache;
    return VP_OK;
}

void auth_grant_cache_free(struct auth_grant_cache *cache)
{
    if (cache == NULL)
        return;
    auth_grant_table_release(&cache->table);
    pthread_cond_destroy(&cache->refreshed);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* A table requested after the caller arrived (`came_ms`) counts as young, however long the
 * answer took. Else all callers that waited for a slow answer would request it again, one after
 * the other. Lock held. */
static bool is_young(const struct auth_request *request, const struct auth_grant_cache *cache, enum auth_age age,
                     int64_t came_ms)
{
    int64_t limit_ms = config_of(request)->cache_ttl_s * 1000;
    if (age == AUTH_RECENT && limit_ms > RECENT_MS)
        limit_ms = RECENT_MS;
    return cache->table != NULL &&
           (cache->table->asked_ms >= came_ms || now_ms(request) - cache->table->asked_ms < limit_ms);
}

/* Inserts the table unless a younger one is there, and returns the one it replaces. The caller
 * releases that after the lock: freeing a large table takes a while. Lock held. */
static struct auth_grant_table *insert(struct auth_grant_cache *cache, struct auth_grant_table *table)
{
    struct auth_grant_table *former = cache->table;
    if (former != NULL && former->asked_ms > table->asked_ms)
        return NULL;
    cache->table = hold(table);
    return former;
}

static enum vp_code load_and_insert(const struct auth_request *request, bool recount, struct auth_grant_cache *cache,
                                    struct auth_grant_table **ret_table, struct vp_error *err)
{
    struct auth_grant_table *former = NULL;
    VP_TRY(load(request, recount, NULL, NULL, ret_table, err));
    pthread_mutex_lock(&cache->lock);
    if (config_of(request)->cache_ttl_s > 0)
        former = insert(cache, *ret_table);
    pthread_mutex_unlock(&cache->lock);
    auth_grant_table_release(&former);
    return VP_OK;
}

static enum vp_code refresh(const struct auth_request *request, struct auth_grant_cache *cache,
                            struct auth_grant_table **ret_table, struct vp_error *err)
{
    struct vp_error failure = { 0 };
    struct auth_grant_table *former = NULL;
    enum vp_code code = load(request, false, NULL, NULL, ret_table, &failure);
    pthread_mutex_lock(&cache->lock);
    if (code == VP_OK)
        former = insert(cache, *ret_table);
    cache->failure = failure;
    cache->refreshing = false;
    cache->n_refreshes++;
    pthread_cond_broadcast(&cache->refreshed);
    pthread_mutex_unlock(&cache->lock);
    auth_grant_table_release(&former);
    if (code != VP_OK && err != NULL)
        *err = failure;
    return code;
}

/* Waits until the refresh ends. VP_OK does not mean that it succeeded. Lock held. */
static enum vp_code wait_for_refresh(const struct auth_request *request, struct auth_grant_cache *cache,
                                     struct vp_error *err)
{
    uint64_t n_before = cache->n_refreshes;
    while (cache->n_refreshes == n_before)
        VP_TRY(wait_a_little(request, &cache->refreshed, &cache->lock, err));
    /* The deadline and the cancellation of the other request are not ours. */
    if (cache->failure.reason == VP_REASON_NONE || cache->failure.reason == VP_REASON_CANCELLED ||
        cache->failure.reason == VP_REASON_UPSTREAM_TIMEOUT)
        return VP_OK;
    if (err != NULL)
        *err = cache->failure;
    return vp_reason_code(cache->failure.reason);
}

/* A table that is young enough; or NULL, and the caller must call refresh(). */
static enum vp_code lookup_or_start_refresh(const struct auth_request *request, enum auth_age age,
                                            struct auth_grant_cache *cache, struct auth_grant_table **ret_table,
                                            struct vp_error *err)
{
    int64_t came_ms = now_ms(request);
    enum vp_code code = VP_OK;
    pthread_mutex_lock(&cache->lock);
    while (code == VP_OK && !is_young(request, cache, age, came_ms) && cache->refreshing)
        code = wait_for_refresh(request, cache, err);
    if (code == VP_OK && is_young(request, cache, age, came_ms))
        *ret_table = hold(cache->table);
    else if (code == VP_OK)
        cache->refreshing = true;
    pthread_mutex_unlock(&cache->lock);
    return code;
}

enum vp_code auth_grant_cache_lookup(const struct auth_request *request, enum auth_age age,
                                     const struct vp_secret *token, const char *user_uuid,
                                     struct auth_grant_table **ret_table, struct vp_error *err)
{
    struct auth_grant_cache *cache = request->snapshot->cache;
    struct auth_grant_table *table = NULL;
    if (config_of(request)->service_token == NULL)
        return load(request, false, token, user_uuid, ret_table, err);
    if (age == AUTH_FRESH || config_of(request)->cache_ttl_s == 0)
        return load_and_insert(request, age == AUTH_FRESH, cache, ret_table, err);
    VP_TRY(lookup_or_start_refresh(request, age, cache, &table, err));
    atomic_fetch_add(table != NULL ? &request->counters->cache_hits : &request->counters->cache_misses, 1);
    if (table == NULL)
        return refresh(request, cache, ret_table, err);
    *ret_table = table;
    return VP_OK;
}

/* ---- users ---- */

enum vp_code auth_grant_table_groups(const struct auth_request *request, const struct auth_grant_table *table,
                                     struct vp_texts *ret_uuids, struct vp_error *err)
{
    struct vp_texts uuids = { 0 };
    VP_TRY(vp_texts_copy(&table->groups, &uuids, err));
    enum vp_code code = add_listed(request, &request->role->bound_group_uuids, &uuids, err);
    if (code != VP_OK) {
        vp_texts_clear(&uuids);
        return code;
    }
    *ret_uuids = uuids;
    return VP_OK;
}

static int compare_texts(const struct vp_texts *left, const struct vp_texts *right)
{
    for (size_t i = 0; i < left->n && i < right->n; i++) {
        int order = strcmp(left->items[i], right->items[i]);
        if (order != 0)
            return order;
    }
    return left->n < right->n ? -1 : left->n > right->n;
}

static int compare_entries(const void *a, const void *b)
{
    const struct user_entry *left = a;
    const struct user_entry *right = b;
    int order = strcmp(left->user_uuid, right->user_uuid);
    return order != 0 ? order : compare_texts(&left->bound_groups, &right->bound_groups);
}

/* Inserts a pending entry, so that other requests wait for it. NULL: the cache is full or there
 * is no memory. Lock held. */
static struct user_entry *insert_pending(struct auth_grant_table *table, const struct user_entry *wanted)
{
    bool has_room = table->n_entries < ENTRIES_MAX && table->n_own_links < OWN_LINKS_MAX;
    struct user_entry *entry = has_room ? calloc(1, sizeof *entry) : NULL;
    if (entry == NULL)
        return NULL;
    entry->user_uuid = strdup(wanted->user_uuid);
    struct vp_error ignored;
    if (entry->user_uuid == NULL || vp_texts_copy(&wanted->bound_groups, &entry->bound_groups, &ignored) != VP_OK ||
        tsearch(entry, &table->entries, compare_entries) == NULL) {
        free_entry(entry);
        return NULL;
    }
    table->n_entries++;
    return entry;
}

/* The cached user; waits for a pending entry. Or *ret_user NULL: the caller must load the user
 * and complete *ret_mine (may be NULL) with complete_entry(). */
static enum vp_code lookup_or_insert(const struct auth_request *request, struct auth_grant_table *table,
                                     const char *user_uuid, struct auth_user **ret_user, struct user_entry **ret_mine,
                                     struct vp_error *err)
{
    const struct user_entry wanted = { .user_uuid = (char *)(uintptr_t)user_uuid,
                                       .bound_groups = request->role->bound_group_uuids };
    enum vp_code code = VP_OK;
    void *const *found;
    pthread_mutex_lock(&table->lock);
    while (code == VP_OK && (found = tfind(&wanted, &table->entries, compare_entries)) != NULL &&
           ((const struct user_entry *)*found)->user == NULL)
        code = wait_a_little(request, &table->completed, &table->lock, err);
    if (code == VP_OK && found != NULL)
        *ret_user = hold_user(((const struct user_entry *)*found)->user);
    else if (code == VP_OK)
        *ret_mine = insert_pending(table, &wanted);
    pthread_mutex_unlock(&table->lock);
    return code;
}

/* `user` NULL: loading failed. Requests that waited then load it themselves. */
static void complete_entry(struct auth_grant_table *table, struct user_entry *mine, struct auth_user *user)
{
    pthread_mutex_lock(&table->lock);
    if (user != NULL) {
        mine->user = hold_user(user);
        table->n_own_links += user->links.n;
    } else {
        (void)tdelete(mine, &table->entries, compare_entries);
        free_entry(mine);
        table->n_entries--;
    }
    pthread_cond_broadcast(&table->completed);
    pthread_mutex_unlock(&table->lock);
}

static enum vp_code fetch_user(const struct auth_request *request, const struct auth_grant_table *table,
                               const char *user_uuid, const struct vp_texts *groups, struct auth_user *user,
                               struct vp_error *err)
{
    const struct arv_credentials credentials = auth_credentials(request, NULL);
    if (groups->n > 0)
        VP_TRY(arv_memberships_among(request->snapshot->arvados, &credentials, user_uuid, groups, &user->memberships,
                                     err));
    return table->groups_only ? auth_links_to(request, NULL, user_uuid, &user->links, err) : VP_OK;
}

static enum vp_code new_user(struct auth_user **ret_user, struct vp_error *err)
{
    struct auth_user *user = calloc(1, sizeof *user);
    if (user == NULL)
        return vp_fail_no_memory(err);
    atomic_init(&user->references, 1);
    *ret_user = user;
    return VP_OK;
}

static enum vp_code load_user(const struct auth_request *request, const struct auth_grant_table *table,
                              const char *user_uuid, const struct vp_texts *groups, struct auth_user **ret_user,
                              struct vp_error *err)
{
    struct auth_user *user = NULL;
    VP_TRY(new_user(&user, err));
    enum vp_code code = fetch_user(request, table, user_uuid, groups, user, err);
    if (code != VP_OK) {
        auth_user_release(&user);
        return code;
    }
    *ret_user = user;
    return VP_OK;
}

static enum vp_code lookup_or_load(const struct auth_request *request, struct auth_grant_table *table,
                                   const char *user_uuid, const struct vp_texts *groups, struct auth_user **ret_user,
                                   struct vp_error *err)
{
    struct user_entry *mine = NULL;
    struct auth_user *user = NULL;
    VP_TRY(lookup_or_insert(request, table, user_uuid, &user, &mine, err));
    atomic_fetch_add(user != NULL ? &request->counters->cache_hits : &request->counters->cache_misses, 1);
    enum vp_code code = user != NULL ? VP_OK : load_user(request, table, user_uuid, groups, &user, err);
    if (mine != NULL)
        complete_entry(table, mine, user);
    if (code == VP_OK)
        *ret_user = user;
    return code;
}

enum vp_code auth_grant_cache_lookup_user(const struct auth_request *request, struct auth_grant_table *table,
                                          const char *user_uuid, struct auth_user **ret_user, struct vp_error *err)
{
    struct vp_texts groups = { 0 };
    if (config_of(request)->service_token == NULL)
        return new_user(ret_user, err);
    VP_TRY(auth_grant_table_groups(request, table, &groups, err));
    enum vp_code code = groups.n == 0 && !table->groups_only
                            ? new_user(ret_user, err)
                            : lookup_or_load(request, table, user_uuid, &groups, ret_user, err);
    vp_texts_clear(&groups);
    return code;
}
