/* Users and groups by uuid, name or e-mail address: to show who has a grant, and to find the user or group that a name means. */
#include <stdlib.h>
#include <string.h>

#include "api.h"

enum {
    ASKED_MAX = 100, /* values in one filter: the URL stays far below the 8 kB that a proxy in front takes */
    LIMIT = 1000,
    TEXT_LEN_MAX = 1020,
};

/* ---- a page ---- */

#define AT(member) offsetof(struct arv_entry, member)

struct kind {
    const char *name;
    const char *path;
    const char *infix;
    const char *select;
    const char *more[3]; /* further parameters */
    struct vp_json_field fields[5];
};

/* Without bypass_federation a satellite would ask the login cluster, which does not know our token. */
static const struct kind USERS = {
    .name = "users",
    .path = "/arvados/v1/users",
    .infix = "tpzed",
    .select = "[\"uuid\",\"username\",\"email\"]",
    .more = { "bypass_federation", "true", NULL },
    .fields = { { "uuid", VP_JSON_TO_TEXT, AT(uuid), 0, ARV_UUID_LEN },
                { "username", VP_JSON_TO_TEXT, AT(name), VP_JSON_OR_NULL, TEXT_LEN_MAX },
                { "email", VP_JSON_TO_TEXT, AT(email), VP_JSON_OR_NULL, TEXT_LEN_MAX },
                { 0 } },
};

static const struct kind GROUPS = {
    .name = "groups",
    .path = "/arvados/v1/groups",
    .infix = "j7d0g",
    .select = "[\"uuid\",\"name\",\"group_class\"]",
    .more = { NULL },
    .fields = { { "uuid", VP_JSON_TO_TEXT, AT(uuid), 0, ARV_UUID_LEN },
                { "name", VP_JSON_TO_TEXT, AT(name), VP_JSON_OR_NULL, TEXT_LEN_MAX },
                { "group_class", VP_JSON_TO_TEXT, AT(group_class), VP_JSON_OR_NULL, 64 },
                { 0 } },
};

static enum vp_code build(const struct kind *kind, const char *attribute, const struct vp_texts *values,
                          struct arv_request *request, struct vp_error *err)
{
    VP_AUTO(vp_buf_clear) struct vp_buf filters = VP_BUF_INIT(ARV_TARGET_MAX / 3);
    const char *parameters[8 + VP_LEN(kind->more)] = { "filters", NULL,    "select", kind->select, "limit",
                                                       "1000",    "count", "none" };
    struct vp_json_writer writer;
    vp_json_begin(&writer, &filters);
    vp_json_open_array(&writer);
    arv_put_list_filter(&writer, attribute, "in", values);
    vp_json_close_array(&writer);
    VP_TRY(vp_buf_check(&filters, "the filters of a query", err));
    parameters[1] = vp_buf_text(&filters);
    memcpy(parameters + 8, kind->more, sizeof kind->more);
    *request = (struct arv_request){ .name = kind->name, .target = VP_BUF_INIT(ARV_TARGET_MAX) };
    arv_target_build(&request->target, kind->path, parameters);
    return vp_buf_check(&request->target, "a query", err);
}

/* The caller looks the entries up by what it asked for. */
static enum vp_code add_entries(const struct kind *kind, const struct vp_json *document,
                                struct arv_directory *directory, struct vp_error *err)
{
    const struct vp_json *items = vp_json_get(document, "items");
    size_t n = vp_json_len(items);
    if (vp_json_type(items) != VP_JSON_ARRAY)
        return arv_bad_answer(err, kind->name, "it has no items");
    if (n >= LIMIT)
        return arv_bad_answer(err, kind->name, "it has more items than can be shown");
    struct arv_entry *grown = reallocarray(directory->items, directory->n + n + 1, sizeof *grown);
    if (grown == NULL)
        return vp_fail_no_memory(err);
    directory->items = grown;
    for (size_t i = 0; i < n; i++) {
        struct arv_entry entry = { 0 };
        VP_TRY(arv_decode(vp_json_at(items, i), kind->fields, kind->name, &entry, err));
        if (!arv_is_uuid(entry.uuid, kind->infix))
            return arv_bad_answer(err, kind->name, "a uuid is of another kind");
        grown[directory->n++] = entry;
    }
    return VP_OK;
}

/* The directory owns the document from here on, whatever comes of it. */
static enum vp_code take_page(const struct kind *kind, struct vp_json *document, struct arv_directory *directory,
                              struct vp_error *err)
{
    struct vp_json **pages = reallocarray(directory->pages, directory->n_pages + 1, sizeof(struct vp_json *));
    if (pages == NULL) {
        vp_json_free(document);
        return vp_fail_no_memory(err);
    }
    directory->pages = pages;
    pages[directory->n_pages++] = document;
    return add_entries(kind, document, directory, err);
}

static enum vp_code look_up(struct arv_client *client, const struct arv_credentials *credentials,
                            const struct kind *kind, const char *attribute, const struct vp_texts *values,
                            struct arv_directory *directory, struct vp_error *err)
{
    for (size_t first = 0; first < values->n; first += ASKED_MAX) {
        size_t left = values->n - first;
        const struct vp_texts slice = { values->items + first, left < ASKED_MAX ? left : ASKED_MAX };
        VP_AUTO(arv_request_clear) struct arv_request request = { 0 };
        VP_TRY(build(kind, attribute, &slice, &request, err));
        VP_TRY(arv_send(client, credentials, &request, 1, err));
        VP_TRY(take_page(kind, VP_TAKE(request.document), directory, err));
    }
    return VP_OK;
}

/* ---- the directory ---- */

enum vp_code arv_directory_add_users(struct arv_client *client, const struct arv_credentials *credentials,
                                     const char *attribute, const struct vp_texts *values,
                                     struct arv_directory *directory, struct vp_error *err)
{
    return look_up(client, credentials, &USERS, attribute, values, directory, err);
}

enum vp_code arv_directory_add_groups(struct arv_client *client, const struct arv_credentials *credentials,
                                      const char *attribute, const struct vp_texts *values,
                                      struct arv_directory *directory, struct vp_error *err)
{
    return look_up(client, credentials, &GROUPS, attribute, values, directory, err);
}

const struct arv_entry *arv_directory_find(const struct arv_directory *directory, const char *uuid)
{
    for (size_t i = 0; uuid != NULL && i < directory->n; i++)
        if (strcmp(directory->items[i].uuid, uuid) == 0)
            return &directory->items[i];
    return NULL;
}

void arv_directory_clear(struct arv_directory *directory)
{
    for (size_t i = 0; i < directory->n_pages; i++)
        vp_json_free(directory->pages[i]);
    free(directory->pages);
    free(directory->items);
    *directory = (struct arv_directory){ 0 };
}
