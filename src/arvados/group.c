/* Groups, and which of them a user is a member of: lists in the order of a key, page by page. */
#include <string.h>

#include "api.h"

enum {
    ASKED_MAX = 150, /* uuids in one filter: the URL stays far below the 8 kB that a proxy in front takes */
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

static enum vp_code build_request(const struct list *list, struct arv_request *request, struct vp_error *err)
{
    VP_AUTO(vp_buf_clear) struct vp_buf filters = VP_BUF_INIT(ARV_TARGET_MAX / 3);
    const char *parameters[4 + VP_LEN(list->kind->parameters)] = { "filters", NULL, "limit", "1000" };
    struct vp_json_writer writer;
    vp_json_begin(&writer, &filters);
    vp_json_open_array(&writer);
    arv_put_filter(&writer, list->filter_attribute, "=", list->filter_value);
    arv_put_list_filter(&writer, list->kind->key, "in", list->asked);
    if (list->found.n > 0)
        arv_put_filter(&writer, list->kind->key, ">", list->found.items[list->found.n - 1]);
    vp_json_close_array(&writer);
    VP_TRY(vp_buf_check(&filters, "the filters of a group query", err));
    parameters[1] = vp_buf_text(&filters);
    memcpy(parameters + 4, list->kind->parameters, sizeof list->kind->parameters);
    request->name = list->kind->name;
    request->may_be_missing = true;
    arv_target_build(&request->target, list->kind->path, parameters);
    return VP_OK;
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

/* ---- a whole list ---- */

/* At most ASKED_MAX of the uuids from `first` on; borrowed. */
static struct vp_texts slice(const struct vp_texts *uuids, size_t first)
{
    size_t left = uuids->n - first;
    return (struct vp_texts){ uuids->items + first, left < ASKED_MAX ? left : ASKED_MAX };
}

static enum vp_code read_list(struct arv_client *client, const struct arv_credentials *credentials, struct list *list,
                              struct vp_error *err)
{
    for (unsigned page = 0; page < PAGES_MAX; page++) {
        VP_AUTO(arv_request_clear) struct arv_request request = { .target = VP_BUF_INIT(ARV_TARGET_MAX) };
        VP_TRY(build_request(list, &request, err));
        VP_TRY(arv_send(client, credentials, &request, 1, err));
        if (request.missing)
            return arv_bad_answer(err, list->kind->name, "there is no such list");
        VP_TRY(add_page(request.document, list, err));
        if (list->whole)
            return VP_OK;
    }
    return arv_bad_answer(err, list->kind->name, "its pages don't end");
}

static void list_clear(struct list *list)
{
    vp_texts_clear(&list->found);
}

enum vp_code arv_groups_among(struct arv_client *client, const struct arv_credentials *credentials,
                              const struct vp_texts *group_uuids, const char *group_class, struct vp_texts *ret_uuids,
                              struct vp_error *err)
{
    VP_AUTO(vp_texts_clear) struct vp_texts uuids = { 0 };
    for (size_t first = 0; first < group_uuids->n; first += ASKED_MAX) {
        const struct vp_texts asked = slice(group_uuids, first);
        VP_AUTO(list_clear) struct list list = { &GROUPS, &asked, "group_class", group_class, { 0 }, false };
        VP_TRY(read_list(client, credentials, &list, err));
        VP_TRY(vp_texts_add_all(&uuids, &list.found, err));
    }
    *ret_uuids = VP_MOVE(uuids);
    return VP_OK;
}

/* ---- memberships ---- */

void arv_members_clear(struct arv_members *members)
{
    vp_texts_clear(&members->group_uuids);
    *members = (struct arv_members){ 0 };
}

void arv_member_list_clear(struct arv_member_list *list)
{
    vp_texts_clear(&list->found);
    arv_members_clear(&list->members);
}

static struct list member_page(const struct arv_member_list *list, const struct vp_texts *asked)
{
    return (struct list){ &MEMBERSHIPS, asked, "user_uuid", list->user_uuid, list->found, false };
}

enum vp_code arv_members_page_request(const struct arv_member_list *list, struct arv_request *ret_request,
                                      struct vp_error *err)
{
    const struct vp_texts asked = slice(list->group_uuids, list->first);
    const struct list page = member_page(list, &asked);
    *ret_request = (struct arv_request){ .target = VP_BUF_INIT(ARV_TARGET_MAX) };
    return build_request(&page, ret_request, err);
}

enum vp_code arv_members_take(struct arv_request *request, struct arv_member_list *list, struct vp_error *err)
{
    const struct vp_texts asked = slice(list->group_uuids, list->first);
    struct list page = member_page(list, &asked);
    if (request->missing) { /* Arvados before 3.0 */
        list->members.unknown = true;
        list->whole = true;
        return VP_OK;
    }
    enum vp_code code = add_page(request->document, &page, err);
    list->found = page.found; /* it may have grown, even on failure */
    VP_TRY(code);
    if (!page.whole)
        return VP_OK;
    VP_TRY(vp_texts_add_all(&list->members.group_uuids, &list->found, err));
    vp_texts_clear(&list->found);
    list->first += asked.n;
    list->whole = list->first >= list->group_uuids->n;
    return VP_OK;
}

enum vp_code arv_members_rest(struct arv_client *client, const struct arv_credentials *credentials,
                              struct arv_member_list *list, struct vp_error *err)
{
    size_t pages_max = PAGES_MAX * (list->group_uuids->n / ASKED_MAX + 1);
    for (size_t n_pages = 0; !list->whole; n_pages++) {
        VP_AUTO(arv_request_clear) struct arv_request request = { 0 };
        if (n_pages >= pages_max)
            return arv_bad_answer(err, MEMBERSHIPS.name, "its pages don't end");
        VP_TRY(arv_members_page_request(list, &request, err));
        VP_TRY(arv_send(client, credentials, &request, 1, err));
        VP_TRY(arv_members_take(&request, list, err));
    }
    return VP_OK;
}

enum vp_code arv_members_among(struct arv_client *client, const struct arv_credentials *credentials,
                               const char *user_uuid, const struct vp_texts *group_uuids,
                               struct arv_members *ret_members, struct vp_error *err)
{
    VP_AUTO(arv_member_list_clear)
    struct arv_member_list list = { .user_uuid = user_uuid, .group_uuids = group_uuids, .whole = group_uuids->n == 0 };
    VP_TRY(arv_members_rest(client, credentials, &list, err));
    *ret_members = VP_MOVE(list.members);
    return VP_OK;
}
