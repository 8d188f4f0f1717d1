#include "table.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

enum {
    KNOWN_MAX = 4096,                  /* users that one table remembers */
    OWN_LINKS_MAX = 2 * ARV_LINKS_MAX, /* of them together: some 50 MB */
    LOOK_AROUND_MS = 100,
    RECENT_MS = 1000,
};

/* What was asked about one user by one role: its bound groups were among the question. */
struct known {
    char *user_uuid;
    char *role;
    struct auth_user *user; /* NULL: it is being asked */
};

struct auth_table {
    atomic_uint references;
    struct arv_links links; /* all, or those to groups only where there are too many */
    bool groups_only;
    struct vp_texts groups; /* of this cluster, that links or the config name */
    int64_t asked_ms;       /* monotonic, before Arvados was asked */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t learned;
    void *known; /* tree of struct known, see tsearch(3) */
    size_t n_known;
    size_t n_own_links; /* of all known users */
};

/* A flight is one attempt to load the table. */
struct auth_cache {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t landed;
    struct auth_table *table; /* NULL: none */
    bool in_flight;
    uint64_t n_landed;
    struct vp_error failure; /* of the last flight; reason NONE: it brought a table */

    atomic_bool too_many; /* links for one table. Not asked for again before the config changes or an admin looks */
};

/* ---- waiting for what another request asks ---- */

static int64_t now_ms(const struct auth_question *question)
{
    return question->clock->monotonic_ms(question->clock->self);
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* For a signal, or a little while: whoever waits must notice that his own time is up. Lock held. */
static enum vp_code wait_a_little(const struct auth_question *question, pthread_cond_t *condition,
                                  pthread_mutex_t *lock, struct vp_error *err)
{
    struct timespec until;
    if (vp_cancel_is_set(question->cancel))
        return vp_fail(err, VP_REASON_CANCELLED, "nobody waits for the answer any more");
    if (now_ms(question) >= question->deadline_ms)
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

static void free_known(void *object)
{
    struct known *known = object;
    if (known == NULL)
        return;
    free(known->user_uuid);
    free(known->role);
    auth_user_release(&known->user);
    free(known);
}

void auth_table_release(struct auth_table **place)
{
    struct auth_table *table = VP_TAKE(*place);
    if (table == NULL || atomic_fetch_sub(&table->references, 1) > 1)
        return;
    tdestroy(table->known, free_known);
    pthread_cond_destroy(&table->learned);
    vp_texts_clear(&table->groups);
    arv_links_clear(&table->links);
    pthread_mutex_destroy(&table->lock);
    free(table);
}

static struct auth_table *hold(struct auth_table *table)
{
    atomic_fetch_add(&table->references, 1);
    return table;
}

const struct arv_links *auth_table_links(const struct auth_table *table)
{
    return &table->links;
}

bool auth_table_is_of_groups_only(const struct auth_table *table)
{
    return table->groups_only;
}

static const struct auth_config *config_of(const struct auth_question *question)
{
    return &question->snapshot->config;
}

enum vp_code auth_add_group(const struct auth_question *question, const char *uuid, struct vp_texts *groups,
                            struct vp_error *err)
{
    if (uuid == NULL || !arv_is_uuid(uuid, "j7d0g") || !arv_same_cluster(uuid, config_of(question)->cluster_id) ||
        vp_texts_has(groups, uuid))
        return VP_OK;
    return vp_texts_add(groups, uuid, err);
}

static enum vp_code add_listed(const struct auth_question *question, const struct vp_texts *uuids,
                               struct vp_texts *groups, struct vp_error *err)
{
    for (size_t i = 0; i < uuids->n; i++)
        VP_TRY(auth_add_group(question, uuids->items[i], groups, err));
    return VP_OK;
}

enum vp_code auth_links_to(const struct auth_question *question, const struct vp_secret *token, const char *tail_uuid,
                           struct arv_links *ret_links, struct vp_error *err)
{
    const struct arv_asker asker = auth_asker(question, token);
    struct arv_link_query query = auth_link_query(config_of(question));
    struct vp_texts tails = { 0 };
    VP_TRY(vp_texts_add(&tails, tail_uuid, err));
    query.tail_uuids = &tails;
    enum vp_code code = arv_links_list(question->snapshot->arvados, &asker, &query, ret_links, err);
    vp_texts_clear(&tails);
    return code;
}

/* All links; where they are too many for that, those to groups, and each user's own are asked for when he comes. `anew`: whether they
 * are too many is found out as well. */
static enum vp_code fill(const struct auth_question *question, bool anew, struct auth_table *table,
                         struct vp_error *err)
{
    const struct auth_config *config = config_of(question);
    const struct arv_asker asker = auth_asker(question, NULL);
    struct auth_cache *cache = question->snapshot->cache;
    struct arv_link_query query = auth_link_query(config);
    query.too_many_is_fine = true;
    table->groups_only = !anew && atomic_load(&cache->too_many);
    if (!table->groups_only) {
        VP_TRY(arv_links_list(question->snapshot->arvados, &asker, &query, &table->links, err));
        table->groups_only = table->links.too_many;
        atomic_store(&cache->too_many, table->groups_only);
    }
    query.too_many_is_fine = false;
    query.groups_of = config->cluster_id;
    if (table->groups_only)
        VP_TRY(arv_links_list(question->snapshot->arvados, &asker, &query, &table->links, err));
    for (size_t i = 0; i < table->links.n; i++)
        VP_TRY(auth_add_group(question, table->links.items[i].tail_uuid, &table->groups, err));
    return add_listed(question, &config->group_alias_uuids, &table->groups, err);
}

static enum vp_code load(const struct auth_question *question, bool anew, const struct vp_secret *token,
                         const char *user_uuid, struct auth_table **ret_table, struct vp_error *err)
{
    struct auth_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return vp_fail_no_memory(err);
    atomic_init(&table->references, 1);
    pthread_mutex_init(&table->lock, NULL);
    init_condition(&table->learned);
    table->asked_ms = now_ms(question);
    enum vp_code code = config_of(question)->service_token != NULL
                            ? fill(question, anew, table, err)
                            : auth_links_to(question, token, user_uuid, &table->links, err);
    if (code != VP_OK) {
        auth_table_release(&table);
        return code;
    }
    *ret_table = table;
    return VP_OK;
}

/* ---- the cache ---- */

enum vp_code auth_cache_new(struct auth_cache **ret_cache, struct vp_error *err)
{
    struct auth_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return vp_fail_no_memory(err);
    pthread_mutex_init(&cache->lock, NULL);
    init_condition(&cache->landed);
    *ret_cache = cache;
    return VP_OK;
}

void auth_cache_free(struct auth_cache *cache)
{
    if (cache == NULL)
        return;
    auth_table_release(&cache->table);
    pthread_cond_destroy(&cache->landed);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* One that was asked for since somebody came is as good as his own, however long the answer took: else all who waited for a slow one
 * would ask again, one after the other. Lock held. */
static bool is_young(const struct auth_question *question, const struct auth_cache *cache, enum auth_age age,
                     int64_t came_ms)
{
    int64_t limit_ms = config_of(question)->cache_ttl_s * 1000;
    if (age == AUTH_RECENT && limit_ms > RECENT_MS)
        limit_ms = RECENT_MS;
    return cache->table != NULL &&
           (cache->table->asked_ms >= came_ms || now_ms(question) - cache->table->asked_ms < limit_ms);
}

/* Keeps the table for others, unless a younger one is there. What is in its place then is for the caller to release when he has let go
 * of the lock: there is much in it to free. Lock held. */
static struct auth_table *keep(struct auth_cache *cache, struct auth_table *table)
{
    struct auth_table *former = cache->table;
    if (former != NULL && former->asked_ms > table->asked_ms)
        return NULL;
    cache->table = hold(table);
    return former;
}

static enum vp_code load_fresh(const struct auth_question *question, bool anew, struct auth_cache *cache,
                               struct auth_table **ret_table, struct vp_error *err)
{
    struct auth_table *former = NULL;
    VP_TRY(load(question, anew, NULL, NULL, ret_table, err));
    pthread_mutex_lock(&cache->lock);
    if (config_of(question)->cache_ttl_s > 0)
        former = keep(cache, *ret_table);
    pthread_mutex_unlock(&cache->lock);
    auth_table_release(&former);
    return VP_OK;
}

static enum vp_code fly(const struct auth_question *question, struct auth_cache *cache, struct auth_table **ret_table,
                        struct vp_error *err)
{
    struct vp_error failure = { 0 };
    struct auth_table *former = NULL;
    enum vp_code code = load(question, false, NULL, NULL, ret_table, &failure);
    pthread_mutex_lock(&cache->lock);
    if (code == VP_OK)
        former = keep(cache, *ret_table);
    cache->failure = failure;
    cache->in_flight = false;
    cache->n_landed++;
    pthread_cond_broadcast(&cache->landed);
    pthread_mutex_unlock(&cache->lock);
    auth_table_release(&former);
    if (code != VP_OK && err != NULL)
        *err = failure;
    return code;
}

/* Until the flight lands, in which case VP_OK says nothing of what it brought. Lock held. */
static enum vp_code wait_for_landing(const struct auth_question *question, struct auth_cache *cache,
                                     struct vp_error *err)
{
    uint64_t n_before = cache->n_landed;
    while (cache->n_landed == n_before)
        VP_TRY(wait_a_little(question, &cache->landed, &cache->lock, err));
    /* What ended the other request's patience need not end ours. */
    if (cache->failure.reason == VP_REASON_NONE || cache->failure.reason == VP_REASON_CANCELLED ||
        cache->failure.reason == VP_REASON_UPSTREAM_TIMEOUT)
        return VP_OK;
    if (err != NULL)
        *err = cache->failure;
    return vp_reason_code(cache->failure.reason);
}

/* A table that is young enough, or NULL and the duty to fly. */
static enum vp_code take_or_board(const struct auth_question *question, enum auth_age age, struct auth_cache *cache,
                                  struct auth_table **ret_table, struct vp_error *err)
{
    int64_t came_ms = now_ms(question);
    enum vp_code code = VP_OK;
    pthread_mutex_lock(&cache->lock);
    while (code == VP_OK && !is_young(question, cache, age, came_ms) && cache->in_flight)
        code = wait_for_landing(question, cache, err);
    if (code == VP_OK && is_young(question, cache, age, came_ms))
        *ret_table = hold(cache->table);
    else if (code == VP_OK)
        cache->in_flight = true;
    pthread_mutex_unlock(&cache->lock);
    return code;
}

enum vp_code auth_table_get(const struct auth_question *question, enum auth_age age, const struct vp_secret *token,
                            const char *user_uuid, struct auth_table **ret_table, struct vp_error *err)
{
    struct auth_cache *cache = question->snapshot->cache;
    struct auth_table *table = NULL;
    if (config_of(question)->service_token == NULL)
        return load(question, false, token, user_uuid, ret_table, err);
    if (age == AUTH_FRESH || config_of(question)->cache_ttl_s == 0)
        return load_fresh(question, age == AUTH_FRESH, cache, ret_table, err);
    VP_TRY(take_or_board(question, age, cache, &table, err));
    atomic_fetch_add(table != NULL ? &question->counters->cache_hits : &question->counters->cache_misses, 1);
    if (table == NULL)
        return fly(question, cache, ret_table, err);
    *ret_table = table;
    return VP_OK;
}

/* ---- users ---- */

enum vp_code auth_table_groups(const struct auth_question *question, const struct auth_table *table,
                               struct vp_texts *ret_uuids, struct vp_error *err)
{
    struct vp_texts uuids = { 0 };
    VP_TRY(vp_texts_copy(&table->groups, &uuids, err));
    enum vp_code code = add_listed(question, &question->role->bound_group_uuids, &uuids, err);
    if (code != VP_OK) {
        vp_texts_clear(&uuids);
        return code;
    }
    *ret_uuids = uuids;
    return VP_OK;
}

static int compare_known(const void *a, const void *b)
{
    const struct known *left = a;
    const struct known *right = b;
    int order = strcmp(left->user_uuid, right->user_uuid);
    return order != 0 ? order : strcmp(left->role, right->role);
}

/* Something to be asked, in the tree so that others wait for it; NULL where it can't be remembered. Lock held. */
static struct known *board(struct auth_table *table, const struct known *wanted)
{
    bool has_room = table->n_known < KNOWN_MAX && table->n_own_links < OWN_LINKS_MAX;
    struct known *known = has_room ? calloc(1, sizeof *known) : NULL;
    if (known == NULL)
        return NULL;
    known->user_uuid = strdup(wanted->user_uuid);
    known->role = strdup(wanted->role);
    if (known->user_uuid == NULL || known->role == NULL || tsearch(known, &table->known, compare_known) == NULL) {
        free_known(known);
        return NULL;
    }
    table->n_known++;
    return known;
}

/* What is known, waiting for it if it is just being asked; or *ret_user NULL and the duty to ask, and to land() *ret_mine (which
 * may be NULL) then. */
static enum vp_code recall_or_board(const struct auth_question *question, struct auth_table *table,
                                    const char *user_uuid, struct auth_user **ret_user, struct known **ret_mine,
                                    struct vp_error *err)
{
    const struct known wanted = { .user_uuid = (char *)(uintptr_t)user_uuid, .role = question->role->name };
    enum vp_code code = VP_OK;
    void *const *found;
    pthread_mutex_lock(&table->lock);
    while (code == VP_OK && (found = tfind(&wanted, &table->known, compare_known)) != NULL &&
           ((const struct known *)*found)->user == NULL)
        code = wait_a_little(question, &table->learned, &table->lock, err);
    if (code == VP_OK && found != NULL)
        *ret_user = hold_user(((const struct known *)*found)->user);
    else if (code == VP_OK)
        *ret_mine = board(table, &wanted);
    pthread_mutex_unlock(&table->lock);
    return code;
}

/* `user` NULL: it was not found out, and whoever waited asks himself. */
static void land(struct auth_table *table, struct known *mine, struct auth_user *user)
{
    pthread_mutex_lock(&table->lock);
    if (user != NULL) {
        mine->user = hold_user(user);
        table->n_own_links += user->links.n;
    } else {
        (void)tdelete(mine, &table->known, compare_known);
        free_known(mine);
        table->n_known--;
    }
    pthread_cond_broadcast(&table->learned);
    pthread_mutex_unlock(&table->lock);
}

static enum vp_code learn(const struct auth_question *question, const struct auth_table *table, const char *user_uuid,
                          const struct vp_texts *groups, struct auth_user *user, struct vp_error *err)
{
    const struct arv_asker asker = auth_asker(question, NULL);
    if (groups->n > 0)
        VP_TRY(arv_memberships_among(question->snapshot->arvados, &asker, user_uuid, groups, &user->memberships, err));
    return table->groups_only ? auth_links_to(question, NULL, user_uuid, &user->links, err) : VP_OK;
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

static enum vp_code ask(const struct auth_question *question, const struct auth_table *table, const char *user_uuid,
                        const struct vp_texts *groups, struct auth_user **ret_user, struct vp_error *err)
{
    struct auth_user *user = NULL;
    VP_TRY(new_user(&user, err));
    enum vp_code code = learn(question, table, user_uuid, groups, user, err);
    if (code != VP_OK) {
        auth_user_release(&user);
        return code;
    }
    *ret_user = user;
    return VP_OK;
}

static enum vp_code recall_or_ask(const struct auth_question *question, struct auth_table *table, const char *user_uuid,
                                  const struct vp_texts *groups, struct auth_user **ret_user, struct vp_error *err)
{
    struct known *mine = NULL;
    struct auth_user *user = NULL;
    VP_TRY(recall_or_board(question, table, user_uuid, &user, &mine, err));
    atomic_fetch_add(user != NULL ? &question->counters->cache_hits : &question->counters->cache_misses, 1);
    enum vp_code code = user != NULL ? VP_OK : ask(question, table, user_uuid, groups, &user, err);
    if (mine != NULL)
        land(table, mine, user);
    if (code == VP_OK)
        *ret_user = user;
    return code;
}

enum vp_code auth_table_user(const struct auth_question *question, struct auth_table *table, const char *user_uuid,
                             struct auth_user **ret_user, struct vp_error *err)
{
    struct vp_texts groups = { 0 };
    if (config_of(question)->service_token == NULL)
        return new_user(ret_user, err);
    VP_TRY(auth_table_groups(question, table, &groups, err));
    enum vp_code code = groups.n == 0 && !table->groups_only
                            ? new_user(ret_user, err)
                            : recall_or_ask(question, table, user_uuid, &groups, ret_user, err);
    vp_texts_clear(&groups);
    return code;
}
