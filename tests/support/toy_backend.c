/* A backend without a subject: each route makes one thing of the plugin room visible from outside. Built for tests
 * only. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vp/clock.h"
#include "vp/log.h"
#include "vp/logical.h"
#include "vp/plugin.h"
#include "vp/version.h"

enum { VALUE_MAX = 4096, STEP_MS = 10, REQUEST_TIMEOUT_MS = 6000 };

struct toy {
    pthread_mutex_t lock; /* guards all below */
    int64_t n_cancelled;
    int64_t n_invalidated;
    int64_t n_logins;  /* begun */
    int64_t n_refused; /* before they began */
};

static const char *text_of(const struct logical_call *call, const char *key)
{
    const struct vp_json *value = vp_json_get(call->data, key);
    return vp_json_type(value) == VP_JSON_TEXT ? vp_json_text(value) : "";
}

static int64_t number_of(const struct logical_call *call, const char *key, int64_t otherwise)
{
    const struct vp_json *value = vp_json_get(call->data, key);
    if (vp_json_type(value) == VP_JSON_INT)
        return vp_json_int(value);
    return vp_json_type(value) == VP_JSON_TEXT ? strtoll(vp_json_text(value), NULL, 10) : otherwise;
}

static void count(struct toy *toy, int64_t *counter)
{
    pthread_mutex_lock(&toy->lock);
    (*counter)++;
    pthread_mutex_unlock(&toy->lock);
}

static enum vp_code fail_by_word(const char *word, struct vp_error *err)
{
    for (int i = VP_REASON_NONE + 1; i < VP_REASON_N; i++)
        if (strcmp(vp_reason_word((enum vp_reason)i), word) == 0)
            return vp_fail(err, (enum vp_reason)i, "toy fails with %s", word);
    if (strcmp(word, "readonly") == 0)
        return vp_fail(err, VP_REASON_HOST, "cannot write to readonly storage");
    return vp_fail(err, VP_REASON_BAD_REQUEST, "no such failure");
}

static enum vp_code wait_ms(const struct logical_call *call, int64_t ms, struct vp_error *err)
{
    struct toy *toy = call->mount;
    int64_t end = VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + ms;

    while (VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) < end) {
        if (vp_cancel_is_set(call->cancel)) {
            count(toy, &toy->n_cancelled);
            return vp_fail(err, VP_REASON_CANCELLED, "cancelled");
        }
        nanosleep(&(struct timespec){ .tv_nsec = STEP_MS * 1000000L }, NULL);
    }
    return VP_OK;
}

/* ---- handlers ---- */

static enum vp_code add_all(struct logical_auth *auth, const char *name, struct vp_error *err)
{
    VP_TRY(vp_texts_add(&auth->policies, "toy", err));
    VP_TRY(logical_pairs_add(&auth->metadata, "user", name, err));
    return logical_pairs_add(&auth->alias_metadata, "toy", "yes", err);
}

static enum vp_code toy_login(const struct logical_call *call, struct vp_error *err)
{
    struct toy *toy = call->mount;

    count(toy, &toy->n_logins);
    VP_TRY(wait_ms(call, number_of(call, "sleep_ms", 0), err));
    if (*text_of(call, "fail") != '\0')
        return fail_by_word(text_of(call, "fail"), err);
    struct logical_auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL)
        return vp_fail_no_memory(err);
    call->reply->auth = auth;
    auth->display_name = strdup(text_of(call, "user"));
    auth->alias_name = strdup(text_of(call, "user"));
    auth->ttl_s = number_of(call, "ttl", 600);
    auth->max_ttl_s = 3600;
    auth->explicit_max_ttl_s = 7200;
    auth->renewable = true;
    if (asprintf(&auth->internal_data, "{\"renew\":\"%s\",\"canary\":\"%s\"}", text_of(call, "renew"),
                 text_of(call, "token")) < 0)
        return vp_fail_no_memory(err);
    VP_TRY(vp_texts_add(&call->reply->warnings, "a warning of the toy", err));
    return add_all(auth, text_of(call, "user"), err);
}

static enum vp_code toy_role(const struct logical_call *call, struct vp_error *err)
{
    struct vp_json_writer writer;

    (void)err;
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "role", text_of(call, "user"));
    vp_json_close_object(&writer);
    return VP_OK;
}

static enum vp_code toy_renew(const struct logical_call *call, struct vp_error *err)
{
    static const struct vp_json_source SOURCE = { "internal data", VP_REASON_INTERNAL, 4096, 4, 100, 0, 0 };
    VP_AUTO(vp_json_freep) struct vp_json *data = NULL;

    VP_TRY(vp_json_parse(call->auth->internal_data, strlen(call->auth->internal_data), &SOURCE, &data, err));
    const struct vp_json *renew = vp_json_get(data, "renew");
    if (vp_json_type(renew) == VP_JSON_TEXT && *vp_json_text(renew) != '\0')
        return fail_by_word(vp_json_text(renew), err);
    if (strcmp(logical_pairs_get(&call->auth->metadata, "user"), call->auth->alias_name) != 0)
        return vp_fail(err, VP_REASON_INTERNAL, "the token came back changed");
    call->reply->renewed = true;
    call->reply->ttl_s = 900;
    call->reply->max_ttl_s = VP_CLOCK_SYSTEM.now_s(NULL) - call->auth->issued_at_s + 900;
    return VP_OK;
}

static enum vp_code toy_fail(const struct logical_call *call, struct vp_error *err)
{
    return fail_by_word(call->name, err);
}

static enum vp_code toy_fail_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err)
{
    *ret_exists = false;
    return strcmp(text_of(call, "exists"), "") == 0 ? fail_by_word(call->name, err) : VP_OK;
}

static void say(const struct logical_call *call, const char *key, const char *value)
{
    struct vp_json_writer writer;

    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, key, value);
    vp_json_close_object(&writer);
}

static enum vp_code toy_sleep(const struct logical_call *call, struct vp_error *err)
{
    VP_TRY(wait_ms(call, strtoll(call->name, NULL, 10), err));
    say(call, "slept", call->name);
    return VP_OK;
}

static enum vp_code toy_env(const struct logical_call *call, struct vp_error *err)
{
    const char *value = getenv(call->name);

    (void)err;
    say(call, "value", value == NULL ? "<unset>" : value);
    return VP_OK;
}

static enum vp_code toy_echo(const struct logical_call *call, struct vp_error *err)
{
    struct vp_json_writer writer;

    (void)err;
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "text", text_of(call, "text"));
    vp_json_add_text(&writer, "path", call->path);
    vp_json_add_text(&writer, "mount", call->mount_point);
    vp_json_add_text(&writer, "remote_addr", call->remote_addr);
    vp_json_add_text(&writer, "request_id", call->request_id);
    vp_json_add_text(&writer, "operation", logical_operation_word(call->operation));
    vp_json_close_object(&writer);
    return VP_OK;
}

static enum vp_code toy_store_read(const struct logical_call *call, struct vp_error *err)
{
    struct vp_buf value = VP_BUF_INIT(LOGICAL_ENTRY_MAX);
    bool found = false;

    VP_TRY(call->storage->get(call->storage->self, call->path, call->cancel, &value, &found, err));
    if (found)
        say(call, "value", vp_buf_text(&value));
    vp_buf_clear(&value);
    return VP_OK;
}

static enum vp_code toy_store_write(const struct logical_call *call, struct vp_error *err)
{
    const char *value = text_of(call, "value");

    VP_TRY(call->storage->put(call->storage->self, call->path, value, strlen(value), false, call->cancel, err));
    say(call, "operation", logical_operation_word(call->operation));
    return VP_OK;
}

static enum vp_code toy_store_delete(const struct logical_call *call, struct vp_error *err)
{
    return call->storage->remove(call->storage->self, call->path, call->cancel, err);
}

static enum vp_code toy_store_exists(const struct logical_call *call, bool *ret_exists, struct vp_error *err)
{
    struct vp_buf value = VP_BUF_INIT(LOGICAL_ENTRY_MAX);

    enum vp_code code = call->storage->get(call->storage->self, call->path, call->cancel, &value, ret_exists, err);
    vp_buf_clear(&value);
    return code;
}

static enum vp_code toy_store_list(const struct logical_call *call, struct vp_error *err)
{
    struct vp_texts keys = { 0 };
    struct vp_json_writer writer;

    VP_TRY(call->storage->list(call->storage->self, "store/", call->cancel, &keys, err));
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    vp_json_put_key(&writer, "keys");
    vp_json_open_array(&writer);
    for (size_t i = 0; i < keys.n; i++)
        vp_json_put_text(&writer, keys.items[i]);
    vp_json_close_array(&writer);
    vp_json_close_object(&writer);
    vp_texts_clear(&keys);
    return VP_OK;
}

static enum vp_code toy_process(const struct logical_call *call, struct vp_error *err)
{
    struct toy *toy = call->mount;
    struct vp_json_writer writer;

    (void)err;
    vp_json_begin(&writer, &call->reply->data);
    vp_json_open_object(&writer);
    vp_json_add_int(&writer, "pid", getpid());
    pthread_mutex_lock(&toy->lock);
    vp_json_add_int(&writer, "cancelled", toy->n_cancelled);
    vp_json_add_int(&writer, "invalidated", toy->n_invalidated);
    vp_json_add_int(&writer, "logins", toy->n_logins);
    vp_json_add_int(&writer, "refused", toy->n_refused);
    pthread_mutex_unlock(&toy->lock);
    vp_json_add_bool(&writer, "standby", call->standby);
    vp_json_close_object(&writer);
    return VP_OK;
}

/* An answer that a backend must never give. */
static enum vp_code toy_bad(const struct logical_call *call, struct vp_error *err)
{
    static const char invalid[] = "{\"text\":\"\xff\"}";

    (void)err;
    vp_buf_add_text(&call->reply->data, invalid);
    return VP_OK;
}

/* ---- tables ---- */

static const struct logical_field NO_FIELDS[] = { { 0 } };

static const struct logical_route ROUTES[] = {
    { .path = "login",
      .summary = "Log in.",
      .help = "Gives a token to everybody.",
      .fields = NO_FIELDS,
      .unauthenticated = true,
      .on = { [LOGICAL_CREATE] = toy_login, [LOGICAL_UPDATE] = toy_login, [LOGICAL_RESOLVE_ROLE] = toy_role } },
    { .path = "fail/+",
      .summary = "Fail.",
      .help = "Fails with the reason that is named.",
      .fields = NO_FIELDS,
      .on = { [LOGICAL_READ] = toy_fail,
              [LOGICAL_CREATE] = toy_fail,
              [LOGICAL_UPDATE] = toy_fail,
              [LOGICAL_DELETE] = toy_fail,
              [LOGICAL_LIST] = toy_fail } },
    { .path = "fail-exists/+",
      .summary = "Fail early.",
      .help = "Fails in the existence check already.",
      .fields = NO_FIELDS,
      .on = { [LOGICAL_CREATE] = toy_fail, [LOGICAL_UPDATE] = toy_fail },
      .exists = toy_fail_exists },
    { .path = "sleep/+",
      .summary = "Sleep.",
      .help = "Sleeps some milliseconds.",
      .fields = NO_FIELDS,
      .on = { [LOGICAL_READ] = toy_sleep } },
    { .path = "env/+",
      .summary = "Environment.",
      .help = "Shows a variable of the process.",
      .fields = NO_FIELDS,
      .on = { [LOGICAL_READ] = toy_env } },
    { .path = "echo",
      .summary = "Echo.",
      .help = "Shows the request.",
      .fields = NO_FIELDS,
      .on = { [LOGICAL_CREATE] = toy_echo, [LOGICAL_UPDATE] = toy_echo, [LOGICAL_READ] = toy_echo } },
    { .path = "store/+",
      .summary = "Store.",
      .help = "Keeps a value.",
      .fields = NO_FIELDS,
      .on = { [LOGICAL_READ] = toy_store_read,
              [LOGICAL_CREATE] = toy_store_write,
              [LOGICAL_UPDATE] = toy_store_write,
              [LOGICAL_DELETE] = toy_store_delete },
      .exists = toy_store_exists },
    { .path = "store",
      .summary = "Stored keys.",
      .help = "Lists what is kept.",
      .fields = NO_FIELDS,
      .on = { [LOGICAL_LIST] = toy_store_list } },
    { .path = "process",
      .summary = "Process.",
      .help = "Shows the plugin's process.",
      .fields = NO_FIELDS,
      .on = { [LOGICAL_READ] = toy_process } },
    { .path = "bad",
      .summary = "Bad.",
      .help = "Answers invalid text.",
      .fields = NO_FIELDS,
      .on = { [LOGICAL_READ] = toy_bad } },
    { 0 },
};

static enum vp_code shared_new(void **ret_shared, struct vp_error *err)
{
    (void)err;
    *ret_shared = NULL;
    return VP_OK;
}

static void shared_free(void *shared)
{
    (void)shared;
}

static enum vp_code mount_new(void *shared, void **ret_mount, struct vp_error *err)
{
    struct toy *toy = calloc(1, sizeof *toy);

    (void)shared;
    if (toy == NULL)
        return vp_fail_no_memory(err);
    pthread_mutex_init(&toy->lock, NULL);
    *ret_mount = toy;
    return VP_OK;
}

static void mount_free(void *mount)
{
    struct toy *toy = mount;

    pthread_mutex_destroy(&toy->lock);
    free(toy);
}

static void invalidate(void *mount, const char *key)
{
    struct toy *toy = mount;

    (void)key;
    count(toy, &toy->n_invalidated);
}

static int64_t request_timeout_ms(void *mount)
{
    (void)mount;
    return REQUEST_TIMEOUT_MS;
}

static void refused(void *mount, bool login, enum vp_reason reason)
{
    struct toy *toy = mount;

    if (login && reason == VP_REASON_OVERLOADED)
        count(toy, &toy->n_refused);
}

static const char *const SEAL_WRAPPED[] = { "store/secret", NULL };

static const struct logical_backend TOY = {
    .name = "toy-plugin",
    .version = VP_VERSION,
    .routes = ROUTES,
    .seal_wrapped = SEAL_WRAPPED,
    .renew = toy_renew,
    .shared_new = shared_new,
    .shared_free = shared_free,
    .mount_new = mount_new,
    .mount_free = mount_free,
    .invalidate = invalidate,
    .request_timeout_ms = request_timeout_ms,
    .refused = refused,
};

int main(int argc, char **argv)
{
    return plugin_serve(&TOY, argc, argv);
}
