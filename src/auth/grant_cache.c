#include "grant_cache.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "vp/thread.h"

enum {
    USERS_MAX = 4096,
    ENTRY_BYTES = 256, /* of an entry without its user: it, its uuid, its node of the tree */
    TEXT_BYTES = 64,   /* of a uuid in a list */
    RECENT_MS = 1000,
};

/* What Arvados answered about one user, asked among the groups of the table and a role's bound groups. The groups are the key,
 * not the role: a role that changes must not find the answer to its former groups. */
struct user_entry {
    char *user_uuid;
    struct vp_texts bound_groups;
    struct auth_user *user; /* NULL: none yet */
    bool refreshing;
};

/* A refresh is one attempt to ask. One of the table, and one of each user, runs at a time (single-flight). */
struct auth_grant_cache {
    pthread_mutex_t lock;           /* guards all below; never held while Arvados is asked, or while much is freed */
    pthread_cond_t refreshed;       /* the table or a user */
    struct auth_grant_table *table; /* NULL: none */
    bool refreshing;
    uint64_t n_refreshes;
    struct vp_error failure; /* of the last refresh of the table; reason NONE: it succeeded */
    uint64_t groups_version; /* the last one given */
    void *users;             /* tree of struct user_entry, see tsearch(3) */
    size_t n_users;
    struct vp_budget *memory; /* the mount's */
    size_t entry_bytes;       /* taken from it for entries, their users aside */
};

/* ---- waiting for the answer of another request ---- */

/* What was asked for after the request arrived is as good as a question of its own, however long the answer took. Else all that
 * waited for a slow answer would ask again, one after the other. */
static bool is_young(const struct auth_request *request, enum auth_age age, int64_t asked_ms)
{
    int64_t came_ms = request->deadline_ms - auth_request_config(request)->site.request_timeout_s * 1000;
    int64_t limit_ms = auth_request_config(request)->cache_ttl_s * 1000;
    if (age == AUTH_RECENT && limit_ms > RECENT_MS)
        limit_ms = RECENT_MS;
    return asked_ms >= came_ms || auth_now_ms(request) - asked_ms < limit_ms;
}

/* Are answers remembered for others at all? */
static bool is_cached(const struct auth_request *request)
{
    return auth_request_config(request)->cache_ttl_s > 0;
}

static void count_lookup(const struct auth_request *request, bool hit)
{
    atomic_fetch_add(hit ? &request->counters->cache_hits : &request->counters->cache_misses, 1);
}

/* ---- memory ---- */

static size_t bytes_of_links(const struct arv_links *links)
{
    return links->memory + links->n * sizeof *links->items + links->n_pages * sizeof(struct vp_json *);
}

static size_t bytes_of_table(const struct auth_grant_table *table)
{
    return sizeof *table + bytes_of_links(&table->links) + (table->group_uuids.n + table->role_uuids.n) * TEXT_BYTES;
}

static size_t bytes_of_user(const struct auth_user *user)
{
    return sizeof *user + bytes_of_links(&user->facts.links) + vp_json_memory(user->facts.user.document) +
           (user->facts.members.group_uuids.n + user->bound_role_uuids.n) * TEXT_BYTES;
}

static void drop_unused(const struct auth_request *request);

static bool charge_to(struct vp_budget *budget, size_t bytes, struct auth_charge *charge)
{
    if (!vp_budget_take(budget, bytes))
        return false;
    *charge = (struct auth_charge){ .budget = budget, .bytes = bytes };
    return true;
}

/* To the mount's memory; if it is full even without unused entries, to the process' bound for what is in use. */
static enum vp_code charge_for(const struct auth_request *request, size_t bytes, struct auth_charge *charge,
                               struct vp_error *err)
{
    struct auth_mount *mount = request->call->mount;
    if (charge_to(&mount->memory, bytes, charge))
        return VP_OK;
    drop_unused(request);
    if (charge_to(&mount->memory, bytes, charge) || charge_to(&auth_shared_of(mount)->in_use, bytes, charge))
        return VP_OK;
    return vp_fail(err, VP_REASON_OVERLOADED,
                   "overloaded: the grants that are being read are too large together; try again");
}

enum vp_code auth_charge_links(const struct auth_request *request, const struct arv_links *links,
                               struct auth_charge *charge, struct vp_error *err)
{
    return charge_for(request, bytes_of_links(links), charge, err);
}

void auth_uncharge(struct auth_charge *charge)
{
    if (charge->budget != NULL)
        vp_budget_give(charge->budget, charge->bytes);
    charge->budget = NULL;
}

static bool may_be_cached(const struct auth_grant_cache *cache, const struct auth_charge *charge)
{
    return charge->budget == cache->memory;
}

/* ---- links and groups ---- */

bool auth_is_own_group(const struct auth_request *request, const char *uuid)
{
    return uuid != NULL && arv_is_uuid(uuid, "j7d0g") &&
           arv_same_cluster(uuid, auth_request_config(request)->site.cluster_id);
}

static enum vp_code add_group(const struct auth_request *request, const char *uuid, struct vp_texts *groups,
                              struct vp_error *err)
{
    return !auth_is_own_group(request, uuid) || vp_texts_has(groups, uuid) ? VP_OK : vp_texts_add(groups, uuid, err);
}

enum vp_code auth_links_to(const struct auth_request *request, const struct vp_secret *token, const char *tail_uuid,
                           struct arv_links *ret_links, struct vp_error *err)
{
    const struct arv_credentials credentials = auth_credentials(request, token);
    struct arv_link_query query = auth_link_query(auth_request_config(request));
    char *tail = (char *)(uintptr_t)tail_uuid; /* only read */
    const struct vp_texts tails = { &tail, 1 };
    query.tail_uuids = &tails;
    query.whole_properties = request->age == AUTH_FRESH;
    return arv_links_list(request->snapshot->arvados, &credentials, &query, ret_links, err);
}

/* ---- the table ---- */

struct auth_grant_table *auth_grant_table_hold(struct auth_grant_table *table)
{
    atomic_fetch_add(&table->references, 1);
    return table;
}

void auth_grant_table_release(struct auth_grant_table **place)
{
    struct auth_grant_table *table = VP_TAKE(*place);
    if (table == NULL || atomic_fetch_sub(&table->references, 1) > 1)
        return;
    arv_links_clear(&table->links);
    vp_texts_clear(&table->group_uuids);
    vp_texts_clear(&table->role_uuids);
    auth_uncharge(&table->charge);
    free(table);
}

static enum vp_code load_table(const struct auth_request *request, struct auth_grant_table **ret_table,
                               struct vp_error *err)
{
    const struct auth_config *config = auth_request_config(request);
    const struct arv_credentials credentials = auth_credentials(request, NULL);
    struct arv_link_query query = auth_link_query(config);
    struct arv_client *arvados = request->snapshot->arvados;
    VP_AUTO(auth_grant_table_release) struct auth_grant_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return vp_fail_no_memory(err);
    atomic_init(&table->references, 1);
    table->asked_ms = auth_now_ms(request);
    query.tail_is_group = true;
    VP_TRY(arv_links_list(arvados, &credentials, &query, &table->links, err));
    for (size_t i = 0; i < table->links.n; i++)
        VP_TRY(add_group(request, table->links.items[i].tail_uuid, &table->group_uuids, err));
    for (size_t i = 0; i < config->group_alias_uuids.n; i++)
        VP_TRY(add_group(request, config->group_alias_uuids.items[i], &table->group_uuids, err));
    vp_texts_sort(&table->group_uuids);
    if (table->group_uuids.n > 0)
        VP_TRY(arv_groups_among(arvados, &credentials, &table->group_uuids, "role", &table->role_uuids, err));
    VP_TRY(charge_for(request, bytes_of_table(table), &table->charge, err));
    *ret_table = VP_TAKE(table);
    return VP_OK;
}

static bool same_groups(const struct auth_grant_table *a, const struct auth_grant_table *b)
{
    if (a->group_uuids.n != b->group_uuids.n)
        return false;
    for (size_t i = 0; i < a->group_uuids.n; i++)
        if (strcmp(a->group_uuids.items[i], b->group_uuids.items[i]) != 0)
            return false;
    return true;
}

/* Gives the table its version, and remembers it unless a younger one is there or it is too large. Returns the one that it
 * replaces, for the caller to release after the lock. Lock held. */
static struct auth_grant_table *insert_table(struct auth_grant_cache *cache, struct auth_grant_table *table)
{
    struct auth_grant_table *former = cache->table;
    if (former != NULL && same_groups(former, table))
        table->groups_version = former->groups_version;
    else
        table->groups_version = ++cache->groups_version;
    if ((former != NULL && former->asked_ms > table->asked_ms) || !may_be_cached(cache, &table->charge))
        return NULL;
    cache->table = auth_grant_table_hold(table);
    return former;
}

/* Waits until the refresh of the table ends. VP_OK does not mean that it succeeded. Lock held. */
static enum vp_code wait_for_table(const struct auth_request *request, struct auth_grant_cache *cache,
                                   struct vp_error *err)
{
    uint64_t n_before = cache->n_refreshes;
    while (cache->n_refreshes == n_before)
        VP_TRY(auth_request_wait(request, &cache->lock, &cache->refreshed, err));
    /* The deadline and the cancellation of the other request are not this one's. */
    if (cache->failure.reason == VP_REASON_NONE || cache->failure.reason == VP_REASON_CANCELLED ||
        cache->failure.reason == VP_REASON_UPSTREAM_TIMEOUT)
        return VP_OK;
    *err = cache->failure;
    return vp_reason_code(cache->failure.reason);
}

/* A table that is young enough; or NULL, and the caller must refresh it. */
static enum vp_code find_table(const struct auth_request *request, enum auth_age age, struct auth_grant_cache *cache,
                               struct auth_grant_table **ret_table, struct vp_error *err)
{
    enum vp_code code = VP_OK;
    pthread_mutex_lock(&cache->lock);
    while (code == VP_OK && cache->refreshing &&
           !(cache->table != NULL && is_young(request, age, cache->table->asked_ms)))
        code = wait_for_table(request, cache, err);
    if (code == VP_OK && cache->table != NULL && is_young(request, age, cache->table->asked_ms))
        *ret_table = auth_grant_table_hold(cache->table);
    else if (code == VP_OK)
        cache->refreshing = true;
    pthread_mutex_unlock(&cache->lock);
    return code;
}

/* `shared`: others wait for this refresh. */
static enum vp_code refresh_table(const struct auth_request *request, struct auth_grant_cache *cache, bool shared,
                                  struct auth_grant_table **ret_table, struct vp_error *err)
{
    struct auth_grant_table *former = NULL;
    struct vp_error failure = { 0 };
    enum vp_code code = load_table(request, ret_table, &failure);
    pthread_mutex_lock(&cache->lock);
    if (code == VP_OK && is_cached(request))
        former = insert_table(cache, *ret_table);
    if (shared) {
        cache->failure = failure;
        cache->refreshing = false;
        cache->n_refreshes++;
        pthread_cond_broadcast(&cache->refreshed);
    }
    pthread_mutex_unlock(&cache->lock);
    auth_grant_table_release(&former);
    if (code != VP_OK)
        *err = failure;
    return code;
}

enum vp_code auth_grant_cache_table(const struct auth_request *request, enum auth_age age,
                                    struct auth_grant_table **ret_table, struct vp_error *err)
{
    struct auth_grant_cache *cache = request->snapshot->cache;
    struct auth_grant_table *table = NULL;
    if (age == AUTH_FRESH || !is_cached(request))
        return refresh_table(request, cache, false, ret_table, err);
    VP_TRY(find_table(request, age, cache, &table, err));
    count_lookup(request, table != NULL);
    if (table == NULL)
        return refresh_table(request, cache, true, ret_table, err);
    *ret_table = table;
    return VP_OK;
}

/* ---- users ---- */

struct auth_user *auth_user_hold(struct auth_user *user)
{
    atomic_fetch_add(&user->references, 1);
    return user;
}

void auth_user_release(struct auth_user **place)
{
    struct auth_user *user = VP_TAKE(*place);
    if (user == NULL || atomic_fetch_sub(&user->references, 1) > 1)
        return;
    arv_user_facts_clear(&user->facts);
    vp_texts_clear(&user->bound_role_uuids);
    auth_uncharge(&user->charge);
    free(user);
}

/* The bound groups of the role that the table does not have are asked for as well; whether they are in use only if the user
 * is in one of them. */
static enum vp_code load_user(const struct auth_request *request, const struct auth_grant_table *table,
                              const char *user_uuid, struct auth_user **ret_user, struct vp_error *err)
{
    const struct arv_credentials credentials = auth_credentials(request, NULL);
    const struct arv_link_query query = auth_link_query(auth_request_config(request));
    const struct vp_texts *bound = &request->role->bound_group_uuids;
    struct arv_client *arvados = request->snapshot->arvados;
    VP_AUTO(vp_texts_clear) struct vp_texts asked = { 0 };
    VP_AUTO(vp_texts_clear) struct vp_texts bound_only = { 0 };
    VP_AUTO(auth_user_release) struct auth_user *user = calloc(1, sizeof *user);
    if (user == NULL)
        return vp_fail_no_memory(err);
    atomic_init(&user->references, 1);
    user->asked_ms = auth_now_ms(request);
    user->groups_version = table->groups_version;
    VP_TRY(vp_texts_copy(&table->group_uuids, &asked, err));
    for (size_t i = 0; i < bound->n; i++)
        VP_TRY(add_group(request, bound->items[i], &asked, err));
    VP_TRY(arv_user_facts(arvados, &credentials, user_uuid, &asked, &query, &user->facts, err));
    for (size_t i = 0; i < bound->n; i++)
        if (!vp_texts_has(&table->group_uuids, bound->items[i]) &&
            vp_texts_has(&user->facts.members.group_uuids, bound->items[i]))
            VP_TRY(vp_texts_add(&bound_only, bound->items[i], err));
    if (bound_only.n > 0)
        VP_TRY(arv_groups_among(arvados, &credentials, &bound_only, "role", &user->bound_role_uuids, err));
    VP_TRY(charge_for(request, bytes_of_user(user), &user->charge, err));
    *ret_user = VP_TAKE(user);
    return VP_OK;
}

static size_t bytes_of_entry(const struct user_entry *entry)
{
    return ENTRY_BYTES + entry->bound_groups.n * TEXT_BYTES;
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

/* What a sweep collects. */
struct sweep {
    const struct auth_request *request;
    struct user_entry *old[USERS_MAX];
    size_t n;
    struct auth_grant_table *table;
};

static void collect_old(const void *node, VISIT visit, void *closure)
{
    struct user_entry *entry = *(struct user_entry *const *)node;
    struct sweep *sweep = closure;
    bool old = entry->user != NULL && !is_young(sweep->request, AUTH_REMEMBERED, entry->user->asked_ms);
    if ((visit == postorder || visit == leaf) && old && !entry->refreshing && sweep->n < USERS_MAX)
        sweep->old[sweep->n++] = entry;
}

/* Takes the entry out of the cache, for the caller to free after the lock. Lock held. */
static void take_entry(struct auth_grant_cache *cache, struct user_entry *entry)
{
    (void)tdelete(entry, &cache->users, compare_entries);
    cache->n_users--;
    cache->entry_bytes -= bytes_of_entry(entry);
    vp_budget_give(cache->memory, bytes_of_entry(entry));
}

/* Takes out what no request would use any more. Lock held. */
static void take_old(const struct auth_request *request, struct auth_grant_cache *cache, struct sweep *sweep)
{
    sweep->request = request;
    sweep->n = 0;
    twalk_r(cache->users, collect_old, sweep);
    for (size_t i = 0; i < sweep->n; i++)
        take_entry(cache, sweep->old[i]);
    if (cache->table != NULL && !is_young(request, AUTH_REMEMBERED, cache->table->asked_ms))
        sweep->table = VP_TAKE(cache->table);
}

/* Drops users and a table that are too old to be used. */
static void drop_unused(const struct auth_request *request)
{
    struct auth_grant_cache *cache = request->snapshot->cache;
    struct sweep *sweep = calloc(1, sizeof *sweep);
    if (sweep == NULL)
        return;
    pthread_mutex_lock(&cache->lock);
    take_old(request, cache, sweep);
    pthread_mutex_unlock(&cache->lock);
    for (size_t i = 0; i < sweep->n; i++)
        free_entry(sweep->old[i]);
    auth_grant_table_release(&sweep->table);
    free(sweep);
}

/* NULL: no budget or no memory. Lock held. */
static struct user_entry *insert_entry(struct auth_grant_cache *cache, const struct user_entry *wanted)
{
    struct vp_error ignored = { 0 };
    if (cache->n_users >= USERS_MAX || !vp_budget_take(cache->memory, bytes_of_entry(wanted)))
        return NULL;
    struct user_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        vp_budget_give(cache->memory, bytes_of_entry(wanted));
        return NULL;
    }
    entry->user_uuid = strdup(wanted->user_uuid);
    if (entry->user_uuid == NULL || vp_texts_copy(&wanted->bound_groups, &entry->bound_groups, &ignored) != VP_OK ||
        tsearch(entry, &cache->users, compare_entries) == NULL) {
        vp_budget_give(cache->memory, bytes_of_entry(wanted));
        free_entry(entry);
        return NULL;
    }
    cache->n_users++;
    cache->entry_bytes += bytes_of_entry(entry);
    return entry;
}

/* The cached user, waiting while another request asks. Or *ret_user NULL: the caller must ask, and complete *ret_entry (NULL:
 * no room) with complete_entry(). */
static enum vp_code find_user(const struct auth_request *request, enum auth_age age,
                              const struct auth_grant_table *table, const char *user_uuid, struct auth_user **ret_user,
                              struct user_entry **ret_entry, struct vp_error *err)
{
    struct auth_grant_cache *cache = request->snapshot->cache;
    const struct user_entry wanted = { .user_uuid = (char *)(uintptr_t)user_uuid,
                                       .bound_groups = request->role->bound_group_uuids };
    enum vp_code code = VP_OK;
    pthread_mutex_lock(&cache->lock);
    while (code == VP_OK) {
        void *const *found = tfind(&wanted, &cache->users, compare_entries);
        struct user_entry *entry = found == NULL ? NULL : *found;
        struct auth_user *user = entry == NULL ? NULL : entry->user;
        if (user != NULL && user->groups_version == table->groups_version && age != AUTH_FRESH &&
            is_young(request, age, user->asked_ms)) {
            *ret_user = auth_user_hold(user);
            break;
        }
        if (entry == NULL || !entry->refreshing) {
            if (entry == NULL)
                entry = insert_entry(cache, &wanted);
            if (entry != NULL)
                entry->refreshing = true;
            *ret_entry = entry;
            break;
        }
        code = auth_request_wait(request, &cache->lock, &cache->refreshed, err);
    }
    pthread_mutex_unlock(&cache->lock);
    return code;
}

/* `user` NULL: asking failed. Requests that waited then ask themselves. */
static void complete_entry(struct auth_grant_cache *cache, struct user_entry *entry, struct auth_user *user)
{
    struct auth_user *former = NULL;
    struct user_entry *removed = NULL;
    pthread_mutex_lock(&cache->lock);
    entry->refreshing = false;
    former = VP_TAKE(entry->user);
    if (user != NULL && may_be_cached(cache, &user->charge)) {
        entry->user = auth_user_hold(user);
    } else {
        take_entry(cache, entry);
        removed = entry;
    }
    pthread_cond_broadcast(&cache->refreshed);
    pthread_mutex_unlock(&cache->lock);
    auth_user_release(&former);
    free_entry(removed);
}

static bool is_full(struct auth_grant_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    bool full = cache->n_users >= USERS_MAX;
    pthread_mutex_unlock(&cache->lock);
    return full;
}

enum vp_code auth_grant_cache_user(const struct auth_request *request, enum auth_age age,
                                   const struct auth_grant_table *table, const char *user_uuid,
                                   struct auth_user **ret_user, struct vp_error *err)
{
    struct auth_grant_cache *cache = request->snapshot->cache;
    struct user_entry *entry = NULL;
    struct auth_user *user = NULL;
    if (!is_cached(request))
        return load_user(request, table, user_uuid, ret_user, err);
    if (is_full(cache))
        drop_unused(request);
    VP_TRY(find_user(request, age, table, user_uuid, &user, &entry, err));
    count_lookup(request, user != NULL);
    if (user == NULL) {
        enum vp_code code = load_user(request, table, user_uuid, &user, err);
        if (entry != NULL)
            complete_entry(cache, entry, user);
        VP_TRY(code);
    }
    *ret_user = user;
    return VP_OK;
}

/* ---- the cache ---- */

enum vp_code auth_grant_cache_new(struct vp_budget *memory, struct auth_grant_cache **ret_cache, struct vp_error *err)
{
    struct auth_grant_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return vp_fail_no_memory(err);
    cache->memory = memory;
    pthread_mutex_init(&cache->lock, NULL);
    vp_condition_init(&cache->refreshed);
    *ret_cache = cache;
    return VP_OK;
}

void auth_grant_cache_free(struct auth_grant_cache *cache)
{
    if (cache == NULL)
        return;
    tdestroy(cache->users, free_entry);
    vp_budget_give(cache->memory, cache->entry_bytes);
    auth_grant_table_release(&cache->table);
    pthread_cond_destroy(&cache->refreshed);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}
