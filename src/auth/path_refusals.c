/* The path refusals: why the last logins and renewals were refused, for administrators. */
#include <stdlib.h>
#include <string.h>

#include "paths.h"
#include "refusals.h"

const struct logical_field AUTH_REFUSALS_FIELDS[] = {
    { "after", LOGICAL_TEXT, offsetof(struct auth_refusals_args, after), 0, NULL, 0, 0,
      "Return refusals older than the one with this request id." },
    { "limit", LOGICAL_INT, offsetof(struct auth_refusals_args, limit), 0, "0", INT64_MIN, INT64_MAX,
      "Maximum number of refusals. 0 or less: all." },
    { 0 },
};

/* Which of the refusals, the newest first, the caller asks for. An `after` that is no longer remembered was older than all. */
static void choose(const struct auth_refusal *items, size_t n, const struct auth_refusals_args *args, size_t *ret_first,
                   size_t *ret_end)
{
    size_t first = 0;
    if (vp_text_is_set(args->after)) {
        while (first < n && strcmp(items[first].request_id, args->after) != 0)
            first++;
        first = first < n ? first + 1 : n;
    }
    *ret_first = first;
    *ret_end = args->limit > 0 && (uint64_t)args->limit < n - first ? first + (size_t)args->limit : n;
}

static void write_list(const struct auth_refusal *items, size_t first, size_t end, struct vp_json_writer *writer)
{
    vp_json_open_object(writer);
    vp_json_put_key(writer, "keys");
    vp_json_open_array(writer);
    for (size_t i = first; i < end; i++)
        vp_json_put_text(writer, items[i].request_id);
    vp_json_close_array(writer);
    vp_json_put_key(writer, "key_info");
    vp_json_open_object(writer);
    for (size_t i = first; i < end; i++) {
        vp_json_put_key(writer, items[i].request_id);
        vp_json_open_object(writer);
        auth_refusal_write(&items[i], writer);
        vp_json_close_object(writer);
    }
    vp_json_close_object(writer);
    vp_json_close_object(writer);
}

enum vp_code auth_refusals_list(const struct logical_call *call, struct vp_error *err)
{
    struct auth_mount *mount = call->mount;
    const struct auth_refusals_args *args = call->args;
    struct auth_refusal *items = NULL;
    struct vp_json_writer writer;
    size_t n = 0;
    size_t first = 0;
    size_t end = 0;
    VP_TRY(auth_refusals_copy(mount->refusals, &items, &n, err));
    choose(items, n, args, &first, &end);
    if (n > 0) {
        vp_json_begin(&writer, &call->reply->data);
        write_list(items, first, end, &writer);
    }
    free(items);
    if (n == 0)
        return vp_fail(err, VP_REASON_NOT_FOUND, "no login or renewal was refused on this node since its start");
    return vp_buf_check(&call->reply->data, "the list of refusals", err);
}
