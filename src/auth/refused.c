#include "refused.h"

#include <stdlib.h>
#include <string.h>

#include "vp/thread.h"

/* A fingerprint can stand in one set of its table only, at any of the places there. A client can't choose the set, as it does not
 * have the key. */
enum { WAYS = 8 };

struct place {
    uint8_t fingerprint[ARV_FINGERPRINT_LEN];
    int64_t at_ms; /* when Arvados was asked, or when the token was last seen; 0: the place is free */
};

struct table {
    size_t n_sets;
    struct place *places; /* NULL: nothing was kept yet, or the budget has no room */
};

struct auth_refused {
    struct vp_budget *budget;
    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t changed; /* a visit has left */
    struct table refused, accepted;
    struct auth_refused_visit *asking;
    uint64_t n_visits;
};

/* ---- tables; the lock is held ---- */

static size_t size_of(const struct table *table)
{
    return table->n_sets * WAYS * sizeof *table->places;
}

static struct place *set_of(const struct table *table, const uint8_t *fingerprint)
{
    uint32_t number;
    memcpy(&number, fingerprint, sizeof number);
    return &table->places[number % table->n_sets * WAYS];
}

static struct place *find(const struct table *table, const uint8_t *fingerprint)
{
    if (table->places == NULL)
        return NULL;
    struct place *set = set_of(table, fingerprint);
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].at_ms != 0 && memcmp(set[i].fingerprint, fingerprint, ARV_FINGERPRINT_LEN) == 0)
            return &set[i];
    return NULL;
}

static bool allocate(struct table *table, struct vp_budget *budget)
{
    if (table->places != NULL)
        return true;
    if (!vp_budget_take(budget, size_of(table)))
        return false;
    table->places = calloc(table->n_sets * WAYS, sizeof *table->places);
    if (table->places == NULL)
        vp_budget_give(budget, size_of(table));
    return table->places != NULL;
}

static struct place *oldest_of(struct place *set)
{
    struct place *oldest = set;
    for (size_t i = 1; i < WAYS; i++)
        if (set[i].at_ms < oldest->at_ms)
            oldest = &set[i];
    return oldest;
}

static void keep(struct table *table, struct vp_budget *budget, const uint8_t *fingerprint, int64_t at_ms)
{
    if (!allocate(table, budget))
        return;
    struct place *place = find(table, fingerprint);
    if (place == NULL)
        place = oldest_of(set_of(table, fingerprint));
    memcpy(place->fingerprint, fingerprint, ARV_FINGERPRINT_LEN);
    place->at_ms = at_ms;
}

static void forget(struct table *table, const uint8_t *fingerprint)
{
    struct place *place = find(table, fingerprint);
    if (place != NULL)
        place->at_ms = 0;
}

/* ---- visits ---- */

static enum vp_code refuse(int64_t age_ms, struct vp_error *err)
{
    (void)vp_fail(err, VP_REASON_TOKEN_REJECTED, "Arvados refuses the token");
    vp_error_add_detail(err, "from memory: Arvados refused it %lld ms ago and is asked again after %d s",
                        (long long)age_ms, AUTH_REFUSED_FOR_MS / 1000);
    return vp_reason_code(VP_REASON_TOKEN_REJECTED);
}

static struct auth_refused_visit *find_asking(const struct auth_refused *refused, const uint8_t *fingerprint)
{
    struct auth_refused_visit *visit = refused->asking;
    while (visit != NULL && memcmp(visit->fingerprint, fingerprint, ARV_FINGERPRINT_LEN) != 0)
        visit = visit->next;
    return visit;
}

static bool is_asking(const struct auth_refused *refused, uint64_t number)
{
    for (const struct auth_refused_visit *visit = refused->asking; visit != NULL; visit = visit->next)
        if (visit->number == number)
            return true;
    return false;
}

/* Until the login that asks about the same token has an answer. Once only: if that brought no decision, all that waited ask at
 * the same time. The lock is held. */
static enum vp_code wait_for_other(const struct auth_request *request, struct auth_refused *refused,
                                   const struct auth_refused_visit *visit, struct vp_error *err)
{
    const struct auth_refused_visit *other = find_asking(refused, visit->fingerprint);
    uint64_t number = other == NULL ? 0 : other->number;
    while (number != 0 && is_asking(refused, number))
        VP_TRY(auth_request_wait(request, &refused->lock, &refused->changed, err));
    return VP_OK;
}

/* The lock is held. */
static enum vp_code enter(const struct auth_request *request, struct auth_refused *refused,
                          struct auth_refused_visit *visit, struct vp_error *err)
{
    visit->accepted = find(&refused->accepted, visit->fingerprint) != NULL;
    if (!visit->accepted) {
        VP_TRY(wait_for_other(request, refused, visit, err));
        visit->accepted = find(&refused->accepted, visit->fingerprint) != NULL;
    }
    visit->asked_ms = auth_now_ms(request);
    if (visit->accepted)
        return VP_OK;
    const struct place *place = find(&refused->refused, visit->fingerprint);
    if (place != NULL && visit->asked_ms - place->at_ms < AUTH_REFUSED_FOR_MS)
        return refuse(visit->asked_ms - place->at_ms, err);
    visit->number = ++refused->n_visits;
    visit->next = refused->asking;
    refused->asking = visit;
    return VP_OK;
}

enum vp_code auth_refused_enter(const struct auth_request *request, const struct auth_token *token,
                                const char *salt_label, struct auth_refused_visit *visit, struct vp_error *err)
{
    struct auth_refused *refused = request->snapshot->site->refused;
    const struct auth_mount *mount = request->call->mount;
    *visit = (struct auth_refused_visit){ 0 };
    visit->remembers =
        request->kind == AUTH_LOGIN && auth_request_config(request)->service_token != NULL &&
        arv_token_fingerprint(token->secret, salt_label, auth_shared_of(mount)->fingerprint_key, visit->fingerprint);
    if (!visit->remembers)
        return VP_OK;
    pthread_mutex_lock(&refused->lock);
    enum vp_code code = enter(request, refused, visit, err);
    pthread_mutex_unlock(&refused->lock);
    return code;
}

static void stop_asking(struct auth_refused *refused, const struct auth_refused_visit *visit)
{
    struct auth_refused_visit **at = &refused->asking;
    while (*at != NULL && *at != visit)
        at = &(*at)->next;
    if (*at != NULL)
        *at = visit->next;
}

/* Does the outcome show that Arvados accepts the token? Scopes and the kind of the token are judged after the token itself. */
static bool shows_acceptance(enum vp_reason reason)
{
    return reason == VP_REASON_NONE || reason == VP_REASON_TOKEN_SCOPE || reason == VP_REASON_NOT_CONTAINER_TOKEN;
}

void auth_refused_leave(const struct auth_request *request, struct auth_refused_visit *visit, enum vp_reason reason)
{
    struct auth_refused *refused = request->snapshot->site->refused;
    if (!visit->remembers)
        return;
    visit->remembers = false;
    pthread_mutex_lock(&refused->lock);
    stop_asking(refused, visit);
    if (shows_acceptance(reason)) {
        keep(&refused->accepted, refused->budget, visit->fingerprint, visit->asked_ms);
        forget(&refused->refused, visit->fingerprint);
    } else if (reason == VP_REASON_TOKEN_REJECTED && !visit->accepted) {
        keep(&refused->refused, refused->budget, visit->fingerprint, visit->asked_ms);
    }
    pthread_cond_broadcast(&refused->changed);
    pthread_mutex_unlock(&refused->lock);
}

/* ---- the memory ---- */

enum vp_code auth_refused_new(struct vp_budget *budget, struct auth_refused **ret_refused, struct vp_error *err)
{
    struct auth_refused *refused = calloc(1, sizeof *refused);
    if (refused == NULL)
        return vp_fail_no_memory(err);
    refused->budget = budget;
    refused->refused.n_sets = AUTH_REFUSED_MAX / WAYS;
    refused->accepted.n_sets = AUTH_ACCEPTED_MAX / WAYS;
    pthread_mutex_init(&refused->lock, NULL);
    vp_condition_init(&refused->changed);
    *ret_refused = refused;
    return VP_OK;
}

static void free_table(struct table *table, struct vp_budget *budget)
{
    if (table->places != NULL)
        vp_budget_give(budget, size_of(table));
    free(table->places);
}

void auth_refused_free(struct auth_refused *refused)
{
    if (refused == NULL)
        return;
    free_table(&refused->refused, refused->budget);
    free_table(&refused->accepted, refused->budget);
    pthread_cond_destroy(&refused->changed);
    pthread_mutex_destroy(&refused->lock);
    free(refused);
}
