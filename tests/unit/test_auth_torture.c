/* Everything that can fail on the way of a request, failed in turn: allocations, the JSON library, storage, each answer of
 * Arvados. Whatever fails, the outcome is a refusal, or the very same as without; and the next request is served.
 * Run with the leak checker: nothing may be lost on the way. */
#include <stdlib.h>

#include "vp/auth.h"
#include "vp/clock.h"

#include "arena.h"
#include "check.h"
#include "failing.h"
#include "fake_arvados.h"
#include "fake_call.h"
#include "mount.h"

static const int64_t NOW_S = 1800000000;

static int64_t tell_now(void *self)
{
    (void)self;
    return NOW_S;
}

static int64_t tell_monotonic(void *self)
{
    (void)self;
    return 1000;
}

static const struct vp_clock CLOCK = { tell_now, tell_monotonic, NULL };

/* ---- the world around: never failed itself but on demand ---- */

static struct {
    unsigned asked;
    unsigned fail_ask; /* the n-th question is not answered */
    unsigned stored;
    unsigned fail_storage; /* the n-th storage call fails */
    bool crowd;            /* Arvados has more links than one table holds */
    struct logical_storage honest;
    struct logical_storage face;
} around;

static bool asks_for_all_links(const struct http_exchange *exchange)
{
    return fake_arvados_record(exchange) == FAKE_LINKS && strstr(exchange->target, "%5B%22tail_uuid") == NULL;
}

static void answer(void *self, const struct http_exchange *exchange, struct fake_answer *answer_)
{
    failing_pause();
    if (++around.asked == around.fail_ask)
        answer_->failure = VP_REASON_UPSTREAM_UNREACHABLE;
    else
        fake_arvados_answer(self, exchange, answer_);
    if (around.crowd && asks_for_all_links(exchange)) {
        vp_buf_clear(&answer_->body);
        vp_buf_add_text(&answer_->body, "{\"items\":[{}],\"items_available\":30000}");
    }
    failing_resume();
}

/* Paused until the storage call returns. */
static bool begin_storage(struct vp_error *err, enum vp_code *ret_code)
{
    failing_pause();
    *ret_code = ++around.stored == around.fail_storage ? vp_fail(err, VP_REASON_HOST, "storage is away") : VP_OK;
    return *ret_code == VP_OK;
}

static enum vp_code get(void *self, const char *key, struct vp_cancel *cancel, struct vp_buf *value, bool *ret_found,
                        struct vp_error *err)
{
    enum vp_code code;
    if (begin_storage(err, &code))
        code = around.honest.get(self, key, cancel, value, ret_found, err);
    failing_resume();
    return code;
}

static enum vp_code put(void *self, const char *key, const char *value, size_t len, bool seal_wrap,
                        struct vp_cancel *cancel, struct vp_error *err)
{
    enum vp_code code;
    if (begin_storage(err, &code))
        code = around.honest.put(self, key, value, len, seal_wrap, cancel, err);
    failing_resume();
    return code;
}

static enum vp_code remove_key(void *self, const char *key, struct vp_cancel *cancel, struct vp_error *err)
{
    enum vp_code code;
    if (begin_storage(err, &code))
        code = around.honest.remove(self, key, cancel, err);
    failing_resume();
    return code;
}

static enum vp_code list(void *self, const char *prefix, struct vp_cancel *cancel, struct vp_texts *ret_keys,
                         struct vp_error *err)
{
    enum vp_code code;
    if (begin_storage(err, &code))
        code = around.honest.list(self, prefix, cancel, ret_keys, err);
    failing_resume();
    return code;
}

/* ---- one request, in a mount of its own ---- */

#define CONFIG                                                                                                   \
    "\"arvados_api_host\":\"arvados.test\",\"cluster_id\":\"zzzzz\",\"allowed_policy_prefixes\":[\"arvados-\"]," \
    "\"group_alias_uuids\":[],\"verify_connection\":"
#define WITH_SERVICE "{" CONFIG "true,\"service_token\":\"" FAKE_SERVICE "\"}"
#define WITHOUT_SERVICE "{" CONFIG "false,\"trusted_link_owners\":[\"zzzzz-tpzed-000000000000000\"]}"
#define FOR_USERS "{" CONFIG "false,\"login_kind\":\"user\",\"service_token\":\"" FAKE_SERVICE "\"}"
#define ROLE                                                                        \
    "{\"bound_group_uuids\":[\"" FAKE_ROLE "\"],\"bound_user_uuids\":[\"" FAKE_USER \
    "\"],\"token_ttl\":\"20m\",\"token_policies\":"                                 \
    "[\"arvados-extra\"],\"token_bound_cidrs\":[\"10.0.0.0/"                        \
    "8\",\"::1\"],\"allow_salted\":true,\"salt_label\":\"vlt01\"}"
#define LEASE                                                                                                        \
    "{\"login_kind\":\"container\",\"role\":\"r\",\"user_uuid\":\"" FAKE_USER "\",\"token_uuid\":\"" FAKE_TOKEN_UUID \
    "\",\"runtime_token\":false,\"container_uuid\":\"" FAKE_CONTAINER "\"}"
#define LEASE_WITH_TOKEN                                                                                            \
    "{\"login_kind\":\"container\",\"role\":\"\",\"user_uuid\":\"" FAKE_USER "\",\"token_uuid\":\"" FAKE_TOKEN_UUID \
    "\",\"runtime_token\":false,\"container_uuid\":\"" FAKE_CONTAINER "\",\"run_token\":\"" FAKE_TOKEN "\"}"

struct scene {
    const char *name;
    const char *config; /* written before; NULL: none */
    const char *role;   /* role "r", likewise */
    const char *warm;   /* a login before, which fills what is remembered; NULL: none */
    enum logical_operation operation;
    const char *path;
    const char *body; /* of a renewal: the lease's internal data */
};

static const struct scene SCENES[] = {
    { "config write, proven", NULL, NULL, NULL, LOGICAL_UPDATE, "config", WITH_SERVICE },
    { "config write over another", WITH_SERVICE, ROLE, NULL, LOGICAL_UPDATE, "config", "{\"max_policies\":5}" },
    { "config read", WITH_SERVICE, NULL, NULL, LOGICAL_READ, "config", NULL },
    { "config delete", WITH_SERVICE, NULL, NULL, LOGICAL_DELETE, "config", NULL },
    { "config check", WITH_SERVICE, NULL, NULL, LOGICAL_READ, "config/check", NULL },
    { "role write", WITH_SERVICE, NULL, NULL, LOGICAL_UPDATE, "role/r", ROLE },
    { "role read", WITH_SERVICE, ROLE, NULL, LOGICAL_READ, "role/r", NULL },
    { "role list", WITH_SERVICE, ROLE, NULL, LOGICAL_LIST, "role", NULL },
    { "role delete", WITH_SERVICE, ROLE, NULL, LOGICAL_DELETE, "role/r", NULL },
    { "login, cold", WITH_SERVICE, ROLE, NULL, LOGICAL_UPDATE, "login",
      "{\"token\":\"" FAKE_TOKEN "\",\"role\":\"r\"}" },
    { "login, warm", WITH_SERVICE, ROLE, "{\"token\":\"" FAKE_TOKEN "\",\"role\":\"r\"}", LOGICAL_UPDATE, "login",
      "{\"jwt\":\"" FAKE_TOKEN "\",\"role\":\"r\"}" },
    { "login in a crowd", WITH_SERVICE, ROLE, NULL, LOGICAL_UPDATE, "login",
      "{\"token\":\"" FAKE_TOKEN "\",\"role\":\"r\"}" },
    { "login without roles", WITH_SERVICE, NULL, NULL, LOGICAL_UPDATE, "login", "{\"token\":\" " FAKE_TOKEN "\\n\"}" },
    { "login without service token", WITHOUT_SERVICE, NULL, NULL, LOGICAL_UPDATE, "login",
      "{\"token\":\"" FAKE_TOKEN "\"}" },
    { "salted login", WITH_SERVICE, ROLE, NULL, LOGICAL_UPDATE, "login",
      "{\"token\":\"" FAKE_SALTED "\",\"role\":\"r\"}" },
    { "login on a user mount", FOR_USERS, NULL, NULL, LOGICAL_UPDATE, "login",
      "{\"token\":\"v2/" FAKE_TOKEN_UUID "/aaaaabbbbbcccccdddddeeeee\"}" },
    { "renewal", WITH_SERVICE, ROLE, NULL, LOGICAL_RENEW, "", LEASE },
    { "renewal with the run token", WITHOUT_SERVICE, NULL, NULL, LOGICAL_RENEW, "", LEASE_WITH_TOKEN },
    { "explain", WITH_SERVICE, ROLE, NULL, LOGICAL_UPDATE, "explain", "{\"token\":\"" FAKE_TOKEN "\",\"role\":\"r\"}" },
    { "explain a container", WITH_SERVICE, ROLE, NULL, LOGICAL_UPDATE, "explain",
      "{\"container_uuid\":\"" FAKE_CONTAINER "\",\"role\":\"r\"}" },
    { "grants, list", WITH_SERVICE, NULL, NULL, LOGICAL_LIST, "grants", NULL },
    { "grants, list in a crowd", WITH_SERVICE, NULL, NULL, LOGICAL_LIST, "grants", NULL },
    { "grants of one", WITH_SERVICE, NULL, NULL, LOGICAL_READ, "grants/" FAKE_USER, NULL },
    { "status", WITH_SERVICE, NULL, NULL, LOGICAL_READ, "status", NULL },
    { "version", WITH_SERVICE, NULL, NULL, LOGICAL_READ, "version", NULL },
    { "help", WITH_SERVICE, NULL, NULL, LOGICAL_HELP, "config", NULL },
};
enum { N_SCENES = sizeof SCENES / sizeof SCENES[0] };

static const struct vp_json_source BODY = { "the request", VP_REASON_BAD_REQUEST, 65536, 8, 1000, 0, 0 };

static enum vp_code request(struct fake_mount *mount, enum logical_operation operation, const char *path,
                            const char *body)
{
    struct logical_call call = fake_mount_new_call(mount, operation, path);
    struct logical_auth auth = { .issued_at_s = NOW_S - 60 };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    failing_pause();
    call.storage = &around.face;
    call.remote_addr = "10.1.2.3";
    if (operation == LOGICAL_RENEW) {
        auth.internal_data = strdup(body);
        assert_int_equal(vp_texts_add(&auth.policies, "arvados-mine", &(struct vp_error){ 0 }), VP_OK);
        assert_int_equal(vp_texts_add(&auth.token_policies, "default", &(struct vp_error){ 0 }), VP_OK);
        call.auth = &auth;
    } else if (body != NULL) {
        assert_int_equal(vp_json_parse(body, strlen(body), &BODY, &document, &(struct vp_error){ 0 }), VP_OK);
        call.data = document;
    }
    failing_resume();
    enum vp_code code = fake_mount_run(mount, &call);
    failing_pause();
    logical_auth_clear(&auth);
    failing_resume();
    return code;
}

static void set_up(struct fake_mount *mount, const struct scene *scene)
{
    fake_http_set(answer, NULL);
    fake_mount_init(mount, auth_backend());
    ((struct mount_shared *)mount->shared)->clock = &CLOCK;
    around.crowd = strstr(scene->name, "in a crowd") != NULL;
    around.honest = *fake_storage_face(mount->storage);
    around.face = (struct logical_storage){ get, put, remove_key, list, around.honest.self };
    if (scene->config != NULL)
        assert_int_equal(request(mount, LOGICAL_UPDATE, "config", scene->config), VP_OK);
    if (scene->role != NULL)
        assert_int_equal(request(mount, LOGICAL_UPDATE, "role/r", scene->role), VP_OK);
    if (scene->warm != NULL)
        assert_int_equal(request(mount, LOGICAL_UPDATE, "login", scene->warm), VP_OK);
    around.asked = around.fail_ask = around.stored = around.fail_storage = 0;
}

/* ---- what came of it, as one text, so that two outcomes are compared whole ---- */

static void tell_texts(struct vp_buf *text, const char *what, const struct vp_texts *texts)
{
    vp_buf_add_format(text, "%s:", what);
    for (size_t i = 0; i < texts->n; i++)
        vp_buf_add_format(text, " %s", texts->items[i]);
    vp_buf_add_text(text, "\n");
}

static void tell_pairs(struct vp_buf *text, const struct logical_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++)
        vp_buf_add_format(text, "%s=%s\n", pairs->items[i].key, pairs->items[i].value);
}

static char *tell(const struct fake_mount *mount)
{
    struct vp_buf text = VP_BUF_INIT(LOGICAL_REPLY_MAX);
    const struct logical_reply *reply = &mount->reply;
    vp_buf_add_text(&text, vp_buf_text(&reply->data));
    tell_texts(&text, "\nwarnings", &reply->warnings);
    tell_texts(&text, "groups", &reply->group_aliases);
    vp_buf_add_format(&text, "%lld %lld %lld\n", (long long)reply->ttl_s, (long long)reply->max_ttl_s,
                      (long long)reply->period_s);
    if (reply->auth != NULL) {
        const struct logical_auth *auth = reply->auth;
        tell_texts(&text, "policies", &auth->policies);
        tell_texts(&text, "cidrs", &auth->bound_cidrs);
        tell_texts(&text, "groups", &auth->group_aliases);
        tell_pairs(&text, &auth->metadata);
        tell_pairs(&text, &auth->alias_metadata);
        vp_buf_add_format(&text, "%s %s %s %lld %lld %lld %lld", auth->alias_name, auth->display_name,
                          auth->internal_data, (long long)auth->ttl_s, (long long)auth->max_ttl_s,
                          (long long)auth->explicit_max_ttl_s, (long long)auth->period_s);
    }
    char *told = vp_buf_take(&text);
    assert_non_null(told);
    return told;
}

/* Counters and times of one's own life differ from run to run, and a check may tell of the failure instead of failing. */
static bool may_differ(const struct scene *scene)
{
    return strcmp(scene->path, "status") == 0 || strcmp(scene->path, "config/check") == 0 ||
           strcmp(scene->path, "explain") == 0;
}

/* Anything but "no", and nothing that sends an admin to mend what is well: it was memory, storage or Arvados. */
static void check_failure(const struct scene *scene, const struct fake_mount *mount, const char *what, unsigned n)
{
    enum vp_code code = vp_reason_code(mount->err.reason);
    bool right = strcmp(what, "call") == 0       ? mount->err.reason == VP_REASON_INTERNAL
                 : strcmp(what, "question") == 0 ? code == VP_ERR_UNAVAILABLE
                                                 : code == VP_ERR_HOST || mount->err.reason == VP_REASON_INTERNAL;
    if (!right)
        fail_msg("%s, %s %u: refused with %s: %s (%s)", scene->name, what, n, vp_reason_word(mount->err.reason),
                 mount->err.message, mount->err.detail);
    assert_null(strstr(mount->err.message, "aaaaabbbbb"));
    assert_null(strstr(mount->err.detail, "aaaaabbbbb"));
    assert_null(strstr(mount->err.detail, "sssssssss"));
}

/* Once with something failing, then once without: which must be as if nothing had been. */
static unsigned play(const struct scene *scene, const char *wanted, const char *what, unsigned n)
{
    struct fake_mount mount;
    set_up(&mount, scene);
    around.fail_ask = strcmp(what, "question") == 0 ? n : 0;
    around.fail_storage = strcmp(what, "storage call") == 0 ? n : 0;
    failing_nth(strcmp(what, "call") == 0 ? n : 0);
    enum vp_code code = request(&mount, scene->operation, scene->path, scene->body);
    unsigned calls = failing_stop();
    if (code != VP_OK) {
        check_failure(scene, &mount, what, n);
    } else if (!may_differ(scene)) {
        char *told = tell(&mount);
        size_t same = 0;
        while (told[same] != '\0' && told[same] == wanted[same])
            same++;
        if (strcmp(told, wanted) != 0)
            fail_msg("%s, %s %u (%s): served with\n%.200s\ninstead of\n%.200s", scene->name, what, n, failing_last(),
                     told + same, wanted + same);
        free(told);
    }
    around.fail_ask = around.fail_storage = 0;
    bool gone = scene->operation == LOGICAL_DELETE;
    code = request(&mount, scene->operation, scene->path, scene->body);
    if (code != VP_OK && !gone)
        fail_msg("%s, %s %u: the next request fails too: %s", scene->name, what, n, mount.err.message);
    if (!gone && !may_differ(scene)) {
        char *told = tell(&mount);
        assert_string_equal(told, wanted);
        free(told);
    }
    fake_mount_clear(&mount);
    return calls;
}

static void test_whatever_fails_nothing_wrong_comes_of_it(void **state)
{
    const struct scene *scene = *state;
    struct fake_mount mount;
    set_up(&mount, scene);
    failing_nth(0);
    enum vp_code code = request(&mount, scene->operation, scene->path, scene->body);
    unsigned calls = failing_stop();
    unsigned asked = around.asked;
    unsigned stored = around.stored;
    if (code != VP_OK)
        fail_msg("%s: %s (%s)", scene->name, mount.err.message, mount.err.detail);
    char *wanted = tell(&mount);
    fake_mount_clear(&mount);
    for (unsigned n = 1; n <= calls; n++)
        (void)play(scene, wanted, "call", n);
    for (unsigned n = 1; n <= asked; n++)
        (void)play(scene, wanted, "question", n);
    for (unsigned n = 1; n <= stored; n++)
        (void)play(scene, wanted, "storage call", n);
    assert_true(calls + asked + stored > 0);
    assert_int_equal(vp_arena_used(), 0); /* what the leak checker does not see */
    print_message("%s: %u calls, %u questions and %u storage calls failed in turn\n", scene->name, calls, asked,
                  stored);
    free(wanted);
}

int main(void)
{
    struct CMUnitTest tests[N_SCENES];
    for (size_t i = 0; i < N_SCENES; i++)
        tests[i] = (struct CMUnitTest){ SCENES[i].name, test_whatever_fails_nothing_wrong_comes_of_it, NULL, NULL,
                                        (void *)(uintptr_t)&SCENES[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
