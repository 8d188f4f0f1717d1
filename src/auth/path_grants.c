/* The paths grants and grants/<uuid>: the grants as the plugin sees them, for whoever they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grants.h"
#include "mount.h"
#include "paths.h"

/* What a look at grants needs. */
struct view {
    struct auth_role role; /* the defaults: no role narrows here */
    struct auth_request request;
    struct auth_memberships groups; /* as of a member of all groups that links name */
    int64_t now_s;
};

static void view_clear(struct view *view)
{
    auth_memberships_clear(&view->groups);
    auth_role_clear(&view->role);
    auth_request_clear(&view->request);
}

static enum vp_code sort_groups(struct view *view, const struct vp_texts *uuids, struct vp_error *err)
{
    const struct arv_credentials credentials = auth_credentials(&view->request, NULL);
    struct auth_memberships *groups = &view->groups;
    if (uuids->n > 0)
        VP_TRY(arv_groups_among(view->request.snapshot->arvados, &credentials, uuids, "role", &groups->roles, err));
    for (size_t i = 0; i < uuids->n; i++)
        if (!vp_texts_has(&groups->roles, uuids->items[i]))
            VP_TRY(vp_texts_add(&groups->trashed, uuids->items[i], err));
    return VP_OK;
}

static enum vp_code view_open(const struct logical_call *call, struct view *view, struct vp_error *err)
{
    view->request = (struct auth_request){ .call = call, .kind = AUTH_EXPLAIN, .age = AUTH_FRESH };
    VP_TRY(auth_request_open_without_role(&view->request, err));
    if (auth_request_config(&view->request)->service_token == NULL)
        return vp_fail(err, VP_REASON_SERVICE_TOKEN_MISSING,
                       "looking at everybody's grants needs a service token in the config");
    VP_TRY(auth_role_defaults(&view->role, err));
    view->request.role = &view->role;
    view->now_s = auth_now_s(&view->request);
    return VP_OK;
}

static enum policy_drop judge(const struct view *view, const struct arv_link *link)
{
    return auth_grants_judge(&view->request, link, &view->groups, link->tail_uuid, view->now_s);
}

static bool is_tail(const char *uuid)
{
    return uuid != NULL && (arv_is_uuid(uuid, "tpzed") || arv_is_uuid(uuid, "j7d0g"));
}

/* ---- list ---- */

/* One row of the list: a tail and the policies it is granted. */
static int compare_links(const void *a, const void *b)
{
    const struct arv_link *left = *(const struct arv_link *const *)a;
    const struct arv_link *right = *(const struct arv_link *const *)b;
    int tails = strcmp(left->tail_uuid, right->tail_uuid);
    return tails != 0 ? tails : strcmp(left->name == NULL ? "" : left->name, right->name == NULL ? "" : right->name);
}

/* Links with a usable tail, by tail and name. */
struct rows {
    const struct arv_link **items;
    size_t n;
    size_t n_astray; /* links whose tail is neither a user nor a group */
};

static enum vp_code sort_links(const struct arv_links *links, struct rows *rows, struct vp_error *err)
{
    rows->items = calloc(links->n + 1, sizeof(const struct arv_link *));
    if (rows->items == NULL)
        return vp_fail_no_memory(err);
    for (size_t i = 0; i < links->n; i++) {
        if (is_tail(links->items[i].tail_uuid))
            rows->items[rows->n++] = &links->items[i];
        else
            rows->n_astray++;
    }
    if (rows->n > 1)
        qsort(rows->items, rows->n, sizeof(const struct arv_link *), compare_links);
    return VP_OK;
}

static bool same_tail(const struct rows *rows, size_t i, size_t j)
{
    return i < rows->n && j < rows->n && strcmp(rows->items[i]->tail_uuid, rows->items[j]->tail_uuid) == 0;
}

/* Distinct policies of the tail whose rows begin at `first`. */
static int64_t count_policies(const struct view *view, const struct rows *rows, size_t first)
{
    const char *last = NULL;
    int64_t n = 0;
    for (size_t i = first; same_tail(rows, first, i); i++) {
        const struct arv_link *link = rows->items[i];
        if (judge(view, link) != POLICY_KEPT || (last != NULL && strcmp(last, link->name) == 0))
            continue;
        last = link->name;
        n++;
    }
    return n;
}

static void write_list(const struct view *view, const struct rows *rows, struct vp_json_writer *writer)
{
    vp_json_open_object(writer);
    vp_json_put_key(writer, "keys");
    vp_json_open_array(writer);
    for (size_t i = 0; i < rows->n; i++)
        if (i == 0 || !same_tail(rows, i, i - 1))
            vp_json_put_text(writer, rows->items[i]->tail_uuid);
    vp_json_close_array(writer);
    vp_json_put_key(writer, "key_info");
    vp_json_open_object(writer);
    for (size_t i = 0; i < rows->n; i++) {
        if (i > 0 && same_tail(rows, i, i - 1))
            continue;
        vp_json_put_key(writer, rows->items[i]->tail_uuid);
        vp_json_open_object(writer);
        vp_json_add_int(writer, "policies", count_policies(view, rows, i));
        vp_json_close_object(writer);
    }
    vp_json_close_object(writer);
    vp_json_close_object(writer);
}

static enum vp_code warn(const struct logical_call *call, bool groups_only, const struct rows *rows,
                         struct vp_error *err)
{
    char text[200];
    struct vp_texts *warnings = &call->reply->warnings;
    if (rows->n_astray > 0) {
        (void)snprintf(text, sizeof text, "%zu links are not shown: their tail is neither a user nor a group",
                       rows->n_astray);
        VP_TRY(vp_texts_add(warnings, text, err));
    }
    if (!groups_only)
        return VP_OK;
    (void)snprintf(text, sizeof text,
                   "grants to users are not listed: this mount has more than %d grants. Read grants/<user uuid> for "
                   "those of one",
                   ARV_LINKS_MAX);
    return vp_texts_add(warnings, text, err);
}

static enum vp_code list(const struct logical_call *call, const struct view *view, const struct arv_links *links,
                         bool groups_only, struct vp_error *err)
{
    struct rows rows = { 0 };
    struct vp_json_writer writer;
    VP_TRY(sort_links(links, &rows, err));
    enum vp_code code = VP_OK;
    if (rows.n == 0 && !groups_only) {
        code = vp_fail(err, VP_REASON_NOT_FOUND, "there are no grants");
    } else {
        vp_json_begin(&writer, &call->reply->data);
        write_list(view, &rows, &writer);
        code = vp_buf_check(&call->reply->data, "the list of grants", err);
    }
    if (code == VP_OK)
        code = warn(call, groups_only, &rows, err);
    free(rows.items);
    return code;
}

/* All links where they are no more than can be listed, else those to groups. */
static enum vp_code read_links(const struct view *view, struct arv_links *ret_links, bool *ret_groups_only,
                               struct vp_error *err)
{
    const struct arv_credentials credentials = auth_credentials(&view->request, NULL);
    struct arv_client *arvados = view->request.snapshot->arvados;
    struct arv_link_query query = auth_link_query(auth_request_config(&view->request));
    struct arv_links links = { 0 };
    query.too_many_is_fine = true;
    VP_TRY(arv_links_list(arvados, &credentials, &query, &links, err));
    *ret_groups_only = links.too_many;
    if (links.too_many) {
        query.too_many_is_fine = false;
        query.tail_is_group = true;
        VP_TRY(arv_links_list(arvados, &credentials, &query, &links, err));
    }
    *ret_links = links;
    return VP_OK;
}

static enum vp_code look_at_all(const struct logical_call *call, struct view *view, struct vp_error *err)
{
    VP_AUTO(arv_links_clear) struct arv_links links = { 0 };
    VP_AUTO(vp_texts_clear) struct vp_texts uuids = { 0 };
    bool groups_only = false;
    VP_TRY(read_links(view, &links, &groups_only, err));
    for (size_t i = 0; i < links.n; i++) {
        const char *tail = links.items[i].tail_uuid;
        if (auth_is_own_group(&view->request, tail) && !vp_texts_has(&uuids, tail))
            VP_TRY(vp_texts_add(&uuids, tail, err));
    }
    VP_TRY(sort_groups(view, &uuids, err));
    return list(call, view, &links, groups_only, err);
}

enum vp_code auth_grants_list(const struct logical_call *call, struct vp_error *err)
{
    struct view view = { 0 };
    enum vp_code code = view_open(call, &view, err);
    if (code == VP_OK)
        code = look_at_all(call, &view, err);
    view_clear(&view);
    return code;
}

/* ---- read ---- */

static void write_link(const struct arv_link *link, enum policy_drop drop, struct vp_json_writer *writer)
{
    char expires_at[VP_TIME_TEXT_SIZE] = "";
    vp_time_format(arv_properties_read(link->properties).expires_at_s, expires_at);
    vp_json_open_object(writer);
    auth_grants_tell(link, drop, writer);
    vp_json_add_text(writer, "modified_by_user_uuid", link->modified_by_user_uuid);
    vp_json_add_text(writer, "expires_at", expires_at[0] == '\0' ? NULL : expires_at);
    vp_json_put_key(writer, "properties");
    if (link->properties == NULL)
        vp_json_put_null(writer);
    else
        vp_json_put_value(writer, link->properties);
    vp_json_close_object(writer);
}

static bool is_of(const struct arv_link *link, const char *tail_uuid)
{
    return link->tail_uuid != NULL && strcmp(link->tail_uuid, tail_uuid) == 0;
}

static enum vp_code read(const struct logical_call *call, const struct view *view, const struct arv_links *links,
                         struct vp_error *err)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    vp_json_put_key(&writer, "grants");
    vp_json_open_array(&writer);
    for (size_t i = 0; i < links->n; i++)
        if (is_of(&links->items[i], call->name))
            write_link(&links->items[i], judge(view, &links->items[i]), &writer);
    vp_json_close_array(&writer);
    vp_json_put_key(&writer, "summary");
    vp_json_open_array(&writer);
    for (size_t i = 0; i < links->n; i++)
        if (is_of(&links->items[i], call->name))
            auth_grants_put_line(&links->items[i], judge(view, &links->items[i]), &writer);
    vp_json_close_array(&writer);
    vp_json_close_object(&writer);
    return vp_buf_check(&call->reply->data, "the grants", err);
}

static enum vp_code look_at_one(const struct logical_call *call, struct view *view, struct vp_error *err)
{
    struct arv_links links = { 0 };
    struct vp_texts uuids = { 0 };
    enum vp_code code = auth_is_own_group(&view->request, call->name) ? vp_texts_add(&uuids, call->name, err) : VP_OK;
    if (code == VP_OK)
        code = sort_groups(view, &uuids, err);
    if (code == VP_OK)
        code = auth_links_to(&view->request, NULL, call->name, &links, err);
    if (code == VP_OK)
        code = read(call, view, &links, err);
    arv_links_clear(&links);
    vp_texts_clear(&uuids);
    return code;
}

enum vp_code auth_grants_read(const struct logical_call *call, struct vp_error *err)
{
    struct view view = { 0 };
    if (!is_tail(call->name))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "grants/<uuid> takes the uuid of a user or a group");
    enum vp_code code = view_open(call, &view, err);
    if (code == VP_OK)
        code = look_at_one(call, &view, err);
    view_clear(&view);
    return code;
}
