#include "refusals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lease.h"

enum { ITEMS_BYTES = AUTH_REFUSALS_MAX * sizeof(struct auth_refusal) };

struct auth_refusals {
    struct vp_budget *budget;
    pthread_mutex_t lock;       /* guards all below */
    struct auth_refusal *items; /* AUTH_REFUSALS_MAX of them; NULL: none was kept yet */
    uint64_t n_added; /* the next one's number is one more, and its place that modulo AUTH_REFUSALS_MAX */
};

enum vp_code auth_refusals_new(struct vp_budget *budget, struct auth_refusals **ret_refusals, struct vp_error *err)
{
    struct auth_refusals *refusals = calloc(1, sizeof *refusals);
    if (refusals == NULL)
        return vp_fail_no_memory(err);
    refusals->budget = budget;
    pthread_mutex_init(&refusals->lock, NULL);
    *ret_refusals = refusals;
    return VP_OK;
}

void auth_refusals_free(struct auth_refusals *refusals)
{
    if (refusals == NULL)
        return;
    if (refusals->items != NULL)
        vp_budget_give(refusals->budget, ITEMS_BYTES);
    free(refusals->items);
    pthread_mutex_destroy(&refusals->lock);
    free(refusals);
}

/* ---- what is remembered ---- */

static void copy(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from == NULL ? "" : from);
}

static const char *container_uuid_of(const struct auth_request *request, const struct auth_decision *decision)
{
    if (decision->identity.records.container.uuid != NULL)
        return decision->identity.records.container.uuid;
    return request->lease != NULL ? request->lease->container_uuid : decision->token.parts.container_uuid;
}

static const char *user_uuid_of(const struct auth_request *request, const struct auth_decision *decision)
{
    if (decision->identity.records.user.uuid != NULL)
        return decision->identity.records.user.uuid;
    return request->lease != NULL ? request->lease->user_uuid : NULL;
}

/* Callers can put anything into the role's name: only one that a role can have is kept. */
static const char *role_of(const struct auth_request *request)
{
    if (request->role != NULL)
        return request->role->name;
    return vp_text_is_set(request->role_name) && mount_is_role_name(request->role_name) ? request->role_name : NULL;
}

static struct auth_refusal describe(const struct auth_request *request, const struct auth_decision *decision,
                                    const struct vp_error *err)
{
    const struct auth_mount *mount = request->call->mount;
    struct auth_refusal made = {
        .time_s = mount->core.shared->clock->now_s(mount->core.shared->clock->self),
        .kind = request->kind,
        .reason = err->reason,
    };
    copy(made.request_id, sizeof made.request_id, request->call->request_id);
    (void)snprintf(made.detail, sizeof made.detail, "%s%s%s", err->message, err->detail[0] == '\0' ? "" : "; ",
                   err->detail);
    copy(made.role, sizeof made.role, role_of(request));
    copy(made.address, sizeof made.address, request->call->remote_addr);
    copy(made.container_uuid, sizeof made.container_uuid, container_uuid_of(request, decision));
    copy(made.user_uuid, sizeof made.user_uuid, user_uuid_of(request, decision));
    return made;
}

static struct auth_refusal *find(struct auth_refusals *refusals, const char *request_id)
{
    for (size_t i = 0; refusals->items != NULL && i < AUTH_REFUSALS_MAX; i++)
        if (refusals->items[i].number != 0 && strcmp(refusals->items[i].request_id, request_id) == 0)
            return &refusals->items[i];
    return NULL;
}

/* The lock is held. */
static bool allocate(struct auth_refusals *refusals)
{
    if (refusals->items != NULL)
        return true;
    if (!vp_budget_take(refusals->budget, ITEMS_BYTES))
        return false;
    refusals->items = calloc(AUTH_REFUSALS_MAX, sizeof *refusals->items);
    if (refusals->items == NULL)
        vp_budget_give(refusals->budget, ITEMS_BYTES);
    return refusals->items != NULL;
}

/* A request id is a key of the list, so an earlier refusal with the same one goes. */
static void add(struct auth_refusals *refusals, struct auth_refusal *refusal)
{
    pthread_mutex_lock(&refusals->lock);
    struct auth_refusal *former = find(refusals, refusal->request_id);
    if (former != NULL)
        *former = (struct auth_refusal){ 0 };
    refusal->number = ++refusals->n_added;
    if (allocate(refusals))
        refusals->items[refusal->number % AUTH_REFUSALS_MAX] = *refusal;
    pthread_mutex_unlock(&refusals->lock);
}

/* ---- outcomes ---- */

/* Failing to tell the log is no reason to fail the request. */
static void tell_log(const struct auth_request *request, const struct auth_decision *decision)
{
    const struct {
        const char *key;
        const char *value;
    } FACTS[] = {
        { "role", role_of(request) },
        { "user_uuid", user_uuid_of(request, decision) },
        { "container_uuid", container_uuid_of(request, decision) },
    };
    struct vp_error ignored;
    for (size_t i = 0; i < sizeof FACTS / sizeof FACTS[0]; i++)
        if (vp_text_is_set(FACTS[i].value) &&
            logical_pairs_add(&request->call->reply->log, FACTS[i].key, FACTS[i].value, &ignored) != VP_OK)
            return;
}

void auth_outcome_record(const struct auth_request *request, const struct auth_decision *decision, enum vp_code code,
                         const struct vp_error *err)
{
    struct auth_mount *mount = request->call->mount;
    struct auth_outcomes *outcomes =
        request->kind == AUTH_RENEWAL ? &mount->counters.renewals : &mount->counters.logins;
    auth_outcomes_count(outcomes, code, err);
    tell_log(request, decision);
    if (code == VP_OK || err->reason == VP_REASON_HOST || err->reason == VP_REASON_CANCELLED)
        return;
    struct auth_refusal refusal = describe(request, decision, err);
    add(mount->refusals, &refusal);
}

/* ---- reading ---- */

static int compare_newest_first(const void *a, const void *b)
{
    const struct auth_refusal *left = a;
    const struct auth_refusal *right = b;
    return (left->number < right->number) - (left->number > right->number);
}

enum vp_code auth_refusals_copy(struct auth_refusals *refusals, struct auth_refusal **ret_items, size_t *ret_n,
                                struct vp_error *err)
{
    struct auth_refusal *items = calloc(AUTH_REFUSALS_MAX, sizeof *items);
    size_t n = 0;
    if (items == NULL)
        return vp_fail_no_memory(err);
    pthread_mutex_lock(&refusals->lock);
    for (size_t i = 0; refusals->items != NULL && i < AUTH_REFUSALS_MAX; i++)
        if (refusals->items[i].number != 0)
            items[n++] = refusals->items[i];
    pthread_mutex_unlock(&refusals->lock);
    if (n > 1)
        qsort(items, n, sizeof *items, compare_newest_first);
    *ret_items = items;
    *ret_n = n;
    return VP_OK;
}

bool auth_refusals_find(struct auth_refusals *refusals, const char *request_id, struct auth_refusal *ret_refusal)
{
    pthread_mutex_lock(&refusals->lock);
    const struct auth_refusal *found = find(refusals, request_id);
    if (found != NULL)
        *ret_refusal = *found;
    pthread_mutex_unlock(&refusals->lock);
    return found != NULL;
}

static void add_known(struct vp_json_writer *writer, const char *key, const char *value)
{
    vp_json_add_text(writer, key, value[0] == '\0' ? NULL : value);
}

void auth_refusal_write(const struct auth_refusal *refusal, struct vp_json_writer *writer)
{
    char time[VP_TIME_TEXT_SIZE];
    vp_time_format(refusal->time_s, time);
    vp_json_add_text(writer, "time", time);
    vp_json_add_text(writer, "request", refusal->kind == AUTH_RENEWAL ? "renewal" : "login");
    vp_json_add_text(writer, "reason", vp_reason_word(refusal->reason));
    vp_json_add_text(writer, "detail", refusal->detail);
    add_known(writer, "role", refusal->role);
    add_known(writer, "address", refusal->address);
    add_known(writer, "container_uuid", refusal->container_uuid);
    add_known(writer, "user_uuid", refusal->user_uuid);
}
