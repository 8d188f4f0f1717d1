/* Links, page by page in the order of their uuids. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

enum {
    PAGE_LIMIT = 1000,
    PAGES_MAX = 64,
    TEXT_MAX = 4 * 255, /* bytes; no name, class or uuid that counts is longer */
    /* Of all pages of one list, which are kept until it is read: ARV_LINKS_MAX links take 30 MB,
     * and what their properties say. */
    MEMORY_MAX = 128 * 1024 * 1024,
};

#define LINK_COLUMNS \
    "\"uuid\",\"owner_uuid\",\"link_class\",\"name\",\"tail_uuid\",\"head_uuid\",\"modified_by_user_uuid\""
#define LINK_SELECT "[" LINK_COLUMNS ",\"properties\"]"
#define LINK_SELECT_DATES "[" LINK_COLUMNS ",\"properties\",\"modified_at\"]"
#define LINK_SELECT_UUID "[\"uuid\"]"
#define LINK_SELECT_PLAIN "[" LINK_COLUMNS "]" /* what anybody may write as long as he likes stays out */

static const char TOO_MANY[] = "there are too many, or they hold too much";

#define AT(member) offsetof(struct arv_link, member)

/* The uuid is Arvados' own, and the order of the pages rests on it. */
static const struct vp_json_field UUID_FIELD[] = {
    { "uuid", VP_JSON_TO_TEXT, AT(uuid), 0, ARV_UUID_LEN },
    { 0 },
};

/* What users write. A value of another type or length than any that counts must not refuse a
 * login: it drops the one link. */
static const struct {
    const char *name;
    size_t offset;
} WRITTEN[] = {
    { "owner_uuid", AT(owner_uuid) },
    { "link_class", AT(link_class) },
    { "name", AT(name) },
    { "tail_uuid", AT(tail_uuid) },
    { "head_uuid", AT(head_uuid) },
    { "modified_by_user_uuid", AT(modified_by_user_uuid) },
};

/* NULL: null, which only a head may be. UNUSABLE: no string of a length that counts; no policy,
 * owner or user is called so. */
static const char UNUSABLE[] = "(unusable)";

static const char *read_written(const struct vp_json *value)
{
    if (value != NULL && vp_json_type(value) == VP_JSON_NULL)
        return NULL;
    if (vp_json_type(value) != VP_JSON_TEXT || strlen(vp_json_text(value)) > TEXT_MAX)
        return UNUSABLE;
    return *vp_json_text(value) == '\0' ? NULL : vp_json_text(value);
}

static enum vp_code decode_link(const struct vp_json *record, struct arv_link *link, struct vp_error *err)
{
    VP_TRY(arv_decode(record, UUID_FIELD, "links", link, err));
    if (!arv_is_uuid(link->uuid, "o0j2j"))
        return arv_bad_answer(err, "links", "a uuid is no link's");
    for (size_t i = 0; i < VP_LEN(WRITTEN); i++) {
        const char *value = read_written(vp_json_get(record, WRITTEN[i].name));
        memcpy((char *)link + WRITTEN[i].offset, &value, sizeof value);
    }
    const struct vp_json *properties = vp_json_get(record, "properties");
    link->properties = vp_json_type(properties) == VP_JSON_OBJECT ? properties : NULL;
    const struct vp_json *modified_at = vp_json_get(record, "modified_at");
    link->modified_at = vp_json_type(modified_at) == VP_JSON_TEXT ? vp_json_text(modified_at) : NULL;
    return VP_OK;
}

/* A page of 1000 links has some 400 kB, and what people note in their properties. One that can't be read would refuse all logins, so
 * it may be as deep as Rails takes JSON (100 levels). Of the properties only what a grant is judged by is built: one link of a megabyte
 * would take 40 MB else. */
static const struct vp_json_source LINKS = {
    .what = "the answer",
    .reason = VP_REASON_UPSTREAM_BAD_ANSWER,
    .max_bytes = (size_t)8 * ARV_BODY_MAX,
    .max_depth = 110,
    .max_tokens = 500000,
    .options = VP_JSON_ANY_NUMBER,
};
static const struct vp_json_sparse PROPERTIES = { .key = "properties", .depth = 3, .members = ARV_PROPERTIES };

struct page {
    const struct vp_json *items;
    int64_t items_available; /* how many fit the filters of this page, "uuid >" included */
};

static const struct vp_json_field PAGE_FIELDS[] = {
    { "items", VP_JSON_TO_ARRAY, offsetof(struct page, items), 0, 0 },
    { "items_available", VP_JSON_TO_INT, offsetof(struct page, items_available), 0, 0 },
    { 0 },
};

static unsigned page_limit(const struct arv_link_list *list)
{
    return list->limit == 0 ? PAGE_LIMIT : list->limit;
}

enum vp_code arv_links_page_request(const struct arv_link_list *list, struct arv_request *ret_request,
                                    struct vp_error *err)
{
    const struct arv_link_query *query = list->query;
    const char *select = list->bare                ? LINK_SELECT_UUID
                         : list->plain             ? LINK_SELECT_PLAIN
                         : list->query->with_dates ? LINK_SELECT_DATES
                                                   : LINK_SELECT;
    VP_AUTO(vp_buf_clear) struct vp_buf filters = VP_BUF_INIT(ARV_TARGET_MAX / 3);
    struct vp_json_writer writer;
    char limit[16];
    vp_json_begin(&writer, &filters);
    vp_json_open_array(&writer);
    arv_put_filter(&writer, "link_class", "=", query->link_class);
    if (query->owner_uuids != NULL)
        arv_put_list_filter(&writer, "owner_uuid", list->owners, query->owner_uuids);
    if (query->tail_uuids != NULL)
        arv_put_list_filter(&writer, "tail_uuid", "in", query->tail_uuids);
    if (query->tail_is_group)
        arv_put_filter(&writer, "tail_uuid", "is_a", "arvados#group");
    if (list->links.n > 0)
        arv_put_filter(&writer, "uuid", ">", list->links.items[list->links.n - 1].uuid);
    vp_json_close_array(&writer);
    VP_TRY(vp_buf_check(&filters, "the filters of a link query", err));
    (void)snprintf(limit, sizeof limit, "%u", page_limit(list));
    *ret_request = (struct arv_request){ .name = "links", .target = VP_BUF_INIT(ARV_TARGET_MAX), .source = &LINKS };
    ret_request->sparse = list->query->whole_properties ? NULL : &PROPERTIES;
    arv_target_build(&ret_request->target, "/arvados/v1/links",
                     (const char *const[]){ "filters", vp_buf_text(&filters), "select", select, "order",
                                            "[\"uuid asc\"]", "limit", limit, "count", "exact", NULL });
    return VP_OK;
}

static enum vp_code incomplete(struct vp_error *err, const char *what)
{
    (void)vp_fail(err, VP_REASON_LINKS_INCOMPLETE, "Arvados' list of links can't be read as a whole");
    vp_error_add_detail(err, "links: %s", what);
    return vp_reason_code(VP_REASON_LINKS_INCOMPLETE);
}

/* *ret_whole: nothing comes behind this page. Where there are too many, nothing is added. */
static enum vp_code add_page(const struct vp_json *document, unsigned limit, struct arv_links *links, bool *ret_whole,
                             struct vp_error *err)
{
    struct page page = { 0 };
    VP_TRY(arv_decode(document, PAGE_FIELDS, "links", &page, err));
    size_t n = vp_json_len(page.items);
    if (n > limit)
        return incomplete(err, "more items than asked for");
    if (page.items_available < (int64_t)n || (n == 0 && page.items_available > 0))
        return incomplete(err, "items and items_available contradict each other");
    links->memory += vp_json_memory(document);
    links->too_many =
        page.items_available > ARV_LINKS_MAX || links->n + n > ARV_LINKS_MAX || links->memory > MEMORY_MAX;
    if (links->too_many)
        return VP_OK;
    struct arv_link *items = reallocarray(links->items, links->n + n + 1, sizeof *items);
    if (items == NULL)
        return vp_fail_no_memory(err);
    links->items = items;
    memset(items + links->n, 0, (n + 1) * sizeof *items);
    for (size_t i = 0; i < n; i++) {
        struct arv_link *link = &items[links->n];
        VP_TRY(decode_link(vp_json_at(page.items, i), link, err));
        /* Every uuid beyond the one before: so no page repeats, and no item comes twice. */
        if (links->n > 0 && strcmp(link->uuid, items[links->n - 1].uuid) <= 0)
            return incomplete(err, "its pages repeat or go back");
        links->n++;
    }
    *ret_whole = page.items_available == (int64_t)n;
    return VP_OK;
}

/* A link is as large as its author likes, and must not hide those of others. */
bool arv_links_shrink(struct arv_link_list *list)
{
    if (list->bare)
        return false;
    if (page_limit(list) == 1)
        list->bare = true;
    else
        list->limit = page_limit(list) / 10;
    return true;
}

enum vp_code arv_links_take(struct arv_request *request, struct arv_link_list *list, struct vp_error *err)
{
    struct arv_links *links = &list->links;
    struct vp_json **pages = reallocarray(links->pages, links->n_pages + 1, sizeof(struct vp_json *));
    if (pages == NULL)
        return vp_fail_no_memory(err);
    /* The pages own the strings of the links. */
    const struct vp_json *document = pages[links->n_pages++] = VP_TAKE(request->document);
    links->pages = pages;
    VP_TRY(add_page(document, page_limit(list), links, &list->whole, err));
    list->limit = page_limit(list) < PAGE_LIMIT ? page_limit(list) * 10 : PAGE_LIMIT;
    list->bare = false;
    if (!links->too_many)
        return VP_OK;
    if (!list->query->too_many_is_fine)
        return incomplete(err, TOO_MANY);
    arv_links_clear(links);
    links->too_many = true;
    list->whole = true;
    return VP_OK;
}

/* The next page; with the first one, where the query wants it, the proof that the token is an administrator's. */
static enum vp_code read_page(struct arv_client *client, const struct arv_credentials *credentials,
                              struct arv_link_list *list, bool *ret_unreadable, struct vp_error *err)
{
    enum { PAGE, PROOF };
    const char *proof_cluster_id = list->query->proof_cluster_id;
    bool proves = list->links.n_pages == 0 && proof_cluster_id != NULL;
    VP_AUTO(arv_round_clear) struct arv_round round = { 0 };
    VP_TRY(arv_links_page_request(list, &round.requests[PAGE], err));
    if (proves)
        round.requests[PROOF] = arv_proof_request(proof_cluster_id);
    enum vp_code code = arv_send(client, credentials, round.requests, proves ? 2 : 1, err);
    *ret_unreadable = round.requests[PAGE].unreadable;
    VP_TRY(code);
    if (proves)
        VP_TRY(arv_proof_check(&round.requests[PROOF], err));
    return arv_links_take(&round.requests[PAGE], list, err);
}

/* Until a page says that it is the whole rest. Its length alone does not tell: the server sends fewer items than asked for
 * when it reaches a ceiling of bytes read. */
enum vp_code arv_links_rest(struct arv_client *client, const struct arv_credentials *credentials,
                            struct arv_link_list *list, struct vp_error *err)
{
    while (!list->whole) {
        if (list->links.n_pages >= PAGES_MAX)
            return incomplete(err, "its pages don't end");
        bool unreadable = false;
        enum vp_code code = read_page(client, credentials, list, &unreadable, err);
        if (code != VP_OK && !(unreadable && arv_links_shrink(list)))
            return code;
    }
    return VP_OK;
}

static void list_clear(struct arv_link_list *list)
{
    arv_links_clear(&list->links);
}

enum vp_code arv_links_list(struct arv_client *client, const struct arv_credentials *credentials,
                            const struct arv_link_query *query, struct arv_links *ret_links, struct vp_error *err)
{
    VP_AUTO(list_clear) struct arv_link_list list = { .query = query, .owners = "in" };
    VP_TRY(arv_links_rest(client, credentials, &list, err));
    *ret_links = VP_MOVE(list.links);
    return VP_OK;
}

enum vp_code arv_links_of_others(struct arv_client *client, const struct arv_credentials *credentials,
                                 const struct arv_link_query *query, struct arv_links *ret_links, bool *ret_more,
                                 struct vp_error *err)
{
    VP_AUTO(list_clear) struct arv_link_list list = { .query = query, .owners = "not in", .plain = true };
    bool unreadable = false;
    VP_TRY(read_page(client, credentials, &list, &unreadable, err));
    *ret_more = !list.whole;
    *ret_links = VP_MOVE(list.links);
    return VP_OK;
}

void arv_links_clear(struct arv_links *links)
{
    for (size_t i = 0; i < links->n_pages; i++)
        vp_json_free(links->pages[i]);
    free(links->pages);
    free(links->items);
    *links = (struct arv_links){ 0 };
}

/* ---- changes ---- */

enum vp_code arv_link_create(struct arv_client *client, const struct arv_credentials *credentials,
                             const struct arv_new_link *link, char ret_uuid[ARV_UUID_LEN + 1], struct vp_error *err)
{
    VP_AUTO(vp_buf_clear) struct vp_buf body = VP_BUF_INIT(ARV_TARGET_MAX);
    VP_AUTO(arv_request_clear)
    struct arv_request request = {
        .name = "links", .method = HTTP_POST, .body = &body, .target = VP_BUF_INIT(ARV_TARGET_MAX)
    };
    struct arv_link made = { 0 };
    struct vp_json_writer writer;
    vp_json_begin(&writer, &body);
    vp_json_open_object(&writer);
    vp_json_put_key(&writer, "link");
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "link_class", link->link_class);
    vp_json_add_text(&writer, "owner_uuid", link->owner_uuid);
    vp_json_add_text(&writer, "tail_uuid", link->tail_uuid);
    vp_json_add_text(&writer, "name", link->name);
    if (link->properties != NULL) {
        vp_json_put_key(&writer, "properties");
        vp_json_put_value(&writer, link->properties);
    }
    vp_json_close_object(&writer);
    vp_json_close_object(&writer);
    VP_TRY(vp_buf_check(&body, "the link", err));
    arv_target_build(&request.target, "/arvados/v1/links", NULL);
    VP_TRY(arv_send(client, credentials, &request, 1, err));
    VP_TRY(decode_link(request.document, &made, err));
    memcpy(ret_uuid, made.uuid, ARV_UUID_LEN + 1);
    return VP_OK;
}

enum vp_code arv_link_delete(struct arv_client *client, const struct arv_credentials *credentials, const char *uuid,
                             struct vp_error *err)
{
    VP_AUTO(arv_request_clear)
    struct arv_request request = { .name = "links", .method = HTTP_DELETE, .target = VP_BUF_INIT(ARV_TARGET_MAX) };
    vp_buf_add_format(&request.target, "/arvados/v1/links/%.27s", uuid);
    return arv_send(client, credentials, &request, 1, err);
}
