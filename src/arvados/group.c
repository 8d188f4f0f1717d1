/* Groups, and who is a member of them: lists in the order of a key, page by page, several lists side by side. */
#include <string.h>

#include "api.h"

enum {
    ASKED_MAX = 150, /* uuids in one filter: the URL stays far below the 8 kB that a proxy in front takes */
    LISTS_MAX = 2,
    PAGES_MAX = 8,
};

/* ---- one list ---- */

struct item {
    const char *key;
    const char *user_uuid;
    const char *word; /* group_class or perm_level */
};

#define AT(member) offsetof(struct item, member)

/* A kind of list: where it is and what its items hold. The last of `parameters` is NULL. */
struct kind {
    const char *name;
    const char *path;
    const char *key;
    struct vp_json_field fields[4];
    const char *parameters[7];
    const char *words[4]; /* what item.word may be; empty: anything */
};

static const struct kind GROUPS = {
    .name = "groups",
    .path = "/arvados/v1/groups",
    .key = "uuid",
    .fields = { { "uuid", VP_JSON_TO_TEXT, AT(key), 0, ARV_UUID_LEN },
                { "group_class", VP_JSON_TO_TEXT, AT(word), VP_JSON_OR_NULL, 64 },
                { 0 } },
    .parameters = { "select", "[\"uuid\",\"group_class\"]", "order", "[\"uuid asc\"]", "count", "none", NULL },
};

/* No select: with one the answer has no order. No count: anything but none is refused, and none is the preset. */
static const struct kind MEMBERSHIPS = {
    .name = "computed_permissions",
    .path = "/arvados/v1/computed_permissions",
    .key = "target_uuid",
    .fields = { { "target_uuid", VP_JSON_TO_TEXT, AT(key), 0, ARV_UUID_LEN },
                { "user_uuid", VP_JSON_TO_TEXT, AT(user_uuid), 0, ARV_UUID_LEN },
                { "perm_level", VP_JSON_TO_TEXT, AT(word), 0, 16 },
                { 0 } },
    .parameters = { NULL },
    .words = { "can_read", "can_write", "can_manage" },
};

struct list {
    const struct kind *kind;
    const struct vp_texts *asked; /* every key must be among these */
    const char *filter_attribute; /* one more filter: this is just that */
    const char *filter_value;
    struct vp_texts found; /* keys, ascending */
    bool whole;
    bool missing; /* the server has no such list */
};

struct page {
    const struct vp_json *items;
    int64_t limit; /* the one the server used */
};

static const struct vp_json_field PAGE_FIELDS[] = {
    { "items", VP_JSON_TO_ARRAY, offsetof(struct page, items), 0, 0 },
    { "limit", VP_JSON_TO_INT, offsetof(struct page, limit), 0, 0 },
    { 0 },
};

static void write_filters(const struct list *list, struct vp_buf *filters)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, filters);
    vp_json_open_array(&writer);
    arv_put_filter(&writer, list->filter_attribute, "=", list->filter_value);
    arv_put_list_filter(&writer, list->kind->key, "in", list->asked);
    if (list->found.n > 0)
        arv_put_filter(&writer, list->kind->key, ">", list->found.items[list->found.n - 1]);
    vp_json_close_array(&writer);
}

static enum vp_code build_request(const struct list *list, struct arv_request *request, struct vp_error *err)
{
    struct vp_buf filters = VP_BUF_INIT(ARV_TARGET_MAX / 3);
    const char *parameters[2 + 2 + sizeof list->kind->parameters / sizeof list->kind->parameters[0]];
    write_filters(list, &filters);
    enum vp_code code = vp_buf_check(&filters, "the filters of a group query", err);
    if (code == VP_OK) {
        parameters[0] = "filters";
        parameters[1] = vp_buf_text(&filters);
        parameters[2] = "limit";
        parameters[3] = "1000";
        memcpy(parameters + 4, list->kind->parameters, sizeof list->kind->parameters);
        request->name = list->kind->name;
        request->may_be_missing = true;
        arv_target_build(&request->target, list->kind->path, parameters);
    }
    vp_buf_clear(&filters);
    return code;
}

static bool is_word(const struct kind *kind, const char *word)
{
    if (kind->words[0] == NULL)
        return true;
    for (size_t i = 0; kind->words[i] != NULL; i++)
        if (strcmp(kind->words[i], word) == 0)
            return true;
    return false;
}

/* The filters are asked for and checked again: what nobody asked for proves nothing. */
static enum vp_code check_item(const struct list *list, const struct item *item, struct vp_error *err)
{
    const char *name = list->kind->name;
    const char *filtered = item->user_uuid != NULL ? item->user_uuid : item->word;
    if (!vp_texts_has(list->asked, item->key))
        return arv_bad_answer(err, name, "an item that was not asked for");
    if (filtered == NULL || strcmp(filtered, list->filter_value) != 0)
        return arv_bad_answer(err, name, "an item that the filters leave out");
    if (list->found.n > 0 && strcmp(item->key, list->found.items[list->found.n - 1]) <= 0)
        return arv_bad_answer(err, name, "its pages repeat or go back");
    return is_word(list->kind, item->word) ? VP_OK : arv_bad_answer(err, name, "a perm_level that is none");
}

static enum vp_code add_page(const struct vp_json *document, struct list *list, struct vp_error *err)
{
    struct page page = { 0 };
    VP_TRY(arv_decode(document, PAGE_FIELDS, list->kind->name, &page, err));
    if ((int64_t)vp_json_len(page.items) > page.limit)
        return arv_bad_answer(err, list->kind->name, "items and limit contradict each other");
    for (size_t i = 0; i < vp_json_len(page.items); i++) {
        struct item item = { 0 };
        VP_TRY(arv_decode(vp_json_at(page.items, i), list->kind->fields, list->kind->name, &item, err));
        VP_TRY(check_item(list, &item, err));
        VP_TRY(vp_texts_add(&list->found, item.key, err));
    }
    list->whole = (int64_t)vp_json_len(page.items) < page.limit || list->found.n == list->asked->n;
    return VP_OK;
}

/* ---- several lists ---- */

static enum vp_code read_answer(struct arv_request *request, struct list *list, struct vp_error *err)
{
    if (!request->missing)
        return add_page(request->document, list, err);
    list->missing = true;
    list->whole = true;
    return VP_OK;
}

/* The next page of each list that goes on. */
static enum vp_code ask_pages(struct arv_client *client, const struct arv_credentials *credentials, struct list *lists,
                              size_t n, struct vp_error *err)
{
    struct arv_request requests[LISTS_MAX];
    struct list *asked[LISTS_MAX];
    size_t n_asked = 0;
    enum vp_code code = VP_OK;
    for (size_t i = 0; i < n && code == VP_OK; i++) {
        if (lists[i].whole)
            continue;
        requests[n_asked] = (struct arv_request){ .target = VP_BUF_INIT(ARV_TARGET_MAX) };
        asked[n_asked] = &lists[i];
        code = build_request(&lists[i], &requests[n_asked++], err);
    }
    if (code == VP_OK)
        code = arv_send(client, credentials, requests, n_asked, err);
    for (size_t i = 0; i < n_asked; i++) {
        if (code == VP_OK)
            code = read_answer(&requests[i], asked[i], err);
        arv_request_clear(&requests[i]);
    }
    return code;
}

static bool all_whole(const struct list *lists, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!lists[i].whole)
            return false;
    return true;
}

static enum vp_code read_lists(struct arv_client *client, const struct arv_credentials *credentials, struct list *lists,
                               size_t n, struct vp_error *err)
{
    for (unsigned page = 0; page < PAGES_MAX; page++) {
        VP_TRY(ask_pages(client, credentials, lists, n, err));
        if (all_whole(lists, n))
            return VP_OK;
    }
    return arv_bad_answer(err, lists[0].kind->name, "its pages don't end");
}

/* At most ASKED_MAX of the uuids from `first` on; borrowed. */
static struct vp_texts slice(const struct vp_texts *uuids, size_t first)
{
    size_t left = uuids->n - first;
    return (struct vp_texts){ uuids->items + first, left < ASKED_MAX ? left : ASKED_MAX };
}

/* ---- groups ---- */

static enum vp_code add_groups(struct arv_client *client, const struct arv_credentials *credentials,
                               const struct vp_texts *asked, const char *group_class, struct vp_texts *uuids,
                               struct vp_error *err)
{
    struct list list = { &GROUPS, asked, "group_class", group_class, { 0 }, false, false };
    enum vp_code code = read_lists(client, credentials, &list, 1, err);
    if (code == VP_OK && list.missing)
        code = arv_bad_answer(err, GROUPS.name, "there is no such list");
    if (code == VP_OK)
        code = vp_texts_add_all(uuids, &list.found, err);
    vp_texts_clear(&list.found);
    return code;
}

enum vp_code arv_groups_among(struct arv_client *client, const struct arv_credentials *credentials,
                              const struct vp_texts *group_uuids, const char *group_class, struct vp_texts *ret_uuids,
                              struct vp_error *err)
{
    struct vp_texts uuids = { 0 };
    for (size_t first = 0; first < group_uuids->n; first += ASKED_MAX) {
        const struct vp_texts asked = slice(group_uuids, first);
        enum vp_code code = add_groups(client, credentials, &asked, group_class, &uuids, err);
        if (code != VP_OK) {
            vp_texts_clear(&uuids);
            return code;
        }
    }
    *ret_uuids = uuids;
    return VP_OK;
}

/* ---- memberships ---- */

static enum vp_code sort_out(const struct list *members, const struct list *roles, struct arv_memberships *memberships,
                             struct vp_error *err)
{
    if (roles->missing)
        return arv_bad_answer(err, GROUPS.name, "there is no such list");
    memberships->unknown = memberships->unknown || members->missing;
    for (size_t i = 0; i < members->found.n; i++) {
        const char *uuid = members->found.items[i];
        bool alive = vp_texts_has(&roles->found, uuid);
        VP_TRY(vp_texts_add(alive ? &memberships->roles : &memberships->trashed, uuid, err));
    }
    return VP_OK;
}

static enum vp_code add_memberships(struct arv_client *client, const struct arv_credentials *credentials,
                                    const char *user_uuid, const struct vp_texts *asked,
                                    struct arv_memberships *memberships, struct vp_error *err)
{
    struct list lists[LISTS_MAX] = {
        { &MEMBERSHIPS, asked, "user_uuid", user_uuid, { 0 }, false, false },
        { &GROUPS, asked, "group_class", "role", { 0 }, false, false },
    };
    enum vp_code code = read_lists(client, credentials, lists, LISTS_MAX, err);
    if (code == VP_OK)
        code = sort_out(&lists[0], &lists[1], memberships, err);
    for (size_t i = 0; i < LISTS_MAX; i++)
        vp_texts_clear(&lists[i].found);
    return code;
}

enum vp_code arv_memberships_among(struct arv_client *client, const struct arv_credentials *credentials,
                                   const char *user_uuid, const struct vp_texts *group_uuids,
                                   struct arv_memberships *ret_memberships, struct vp_error *err)
{
    struct arv_memberships memberships = { 0 };
    for (size_t first = 0; first < group_uuids->n; first += ASKED_MAX) {
        const struct vp_texts asked = slice(group_uuids, first);
        enum vp_code code = add_memberships(client, credentials, user_uuid, &asked, &memberships, err);
        if (code != VP_OK) {
            arv_memberships_clear(&memberships);
            return code;
        }
    }
    *ret_memberships = memberships;
    return VP_OK;
}

void arv_memberships_clear(struct arv_memberships *memberships)
{
    vp_texts_clear(&memberships->roles);
    vp_texts_clear(&memberships->trashed);
    *memberships = (struct arv_memberships){ 0 };
}
