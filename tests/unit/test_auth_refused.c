/* Tokens that Arvados refused within the last 10 s are refused from memory: which, for how long, and how many. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "vp/auth.h"
#include "vp/clock.h"
#include "vp/thread.h"

#include "check.h"
#include "fake_arvados.h"
#include "fake_call.h"
#include "refused.h"

static int64_t monotonic_ms = 1000;

static int64_t tell_now(void *self)
{
    (void)self;
    return 1800000000;
}

static int64_t tell_monotonic(void *self)
{
    (void)self;
    return monotonic_ms;
}

static const struct vp_clock CLOCK = { tell_now, tell_monotonic, NULL };

/* ---- logins at a mount ---- */

static struct fake_mount mount;
static int status_of_login;   /* of what is asked with the login's token; 200: the honest answer */
static int status_of_service; /* likewise with the service token */
static unsigned n_asked;      /* with the login's token */

static void answer(void *self, const struct http_exchange *exchange, struct fake_answer *answer_)
{
    bool service = exchange->bearer != NULL && strcmp(vp_secret_reveal(exchange->bearer), FAKE_SERVICE) == 0;
    int status = service ? status_of_service : status_of_login;
    if (!service && exchange->bearer != NULL)
        n_asked++;
    if (status == 200) {
        fake_arvados_answer(self, exchange, answer_);
        return;
    }
    answer_->status = status;
    vp_buf_add_text(&answer_->body, "{\"errors\":[\"Not logged in\"]}");
}

static void configure(const char *host, bool with_service_token)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"arvados_api_host\":\"%s\",\"cluster_id\":\"zzzzz\",\"allowed_policy_prefixes\":[\"arvados-\"],"
                   "\"verify_connection\":false%s}",
                   host, with_service_token ? ",\"service_token\":\"" FAKE_SERVICE "\"" : "");
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "config", text), &mount.err);
}

static int set_up(void **state)
{
    (void)state;
    status_of_login = status_of_service = 200;
    fake_http_set(answer, NULL);
    fake_mount_init(&mount, auth_backend());
    ((struct mount_shared *)mount.shared)->clock = &CLOCK;
    configure("arvados.test", true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_mount_clear(&mount);
    return 0;
}

#define TOKEN_OF(number) "v2/" FAKE_TOKEN_UUID "/aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjj" number "/" FAKE_CONTAINER

enum { GRANTED_CALLS = 4 }; /* this container's record does not say enough, so it is asked about in three further calls */

/* The word of the reason; *ret_asked: requests to Arvados with the token. */
static const char *reason_of(const char *path, const char *token, unsigned *ret_asked)
{
    char body[512];
    (void)snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    n_asked = 0;
    enum vp_code code = fake_mount_call(&mount, LOGICAL_UPDATE, path, body);
    *ret_asked = n_asked;
    return code == VP_OK ? "granted" : vp_reason_word(mount.err.reason);
}

static void expect_login(const char *token, const char *reason, unsigned n_expected)
{
    unsigned asked = 0;
    EXPECT_TEXT(reason, reason_of("login", token, &asked));
    EXPECT_INT(n_expected, asked);
}

TEST(a_refused_token_is_refused_from_memory_for_ten_seconds)
{
    status_of_login = 401;
    expect_login(TOKEN_OF("1"), "token_rejected", 2);
    monotonic_ms += 9999;
    expect_login(TOKEN_OF("1"), "token_rejected", 0);
    EXPECT_CONTAINS("from memory", mount.err.detail);
    EXPECT_LACKS("aaaaa", mount.err.detail);
    expect_login(TOKEN_OF("2"), "token_rejected", 2);
    monotonic_ms += 1;
    expect_login(TOKEN_OF("1"), "token_rejected", 2);
}

TEST(a_token_that_becomes_valid_is_accepted_ten_seconds_later)
{
    status_of_login = 401;
    expect_login(FAKE_TOKEN, "token_rejected", 2);
    status_of_login = 200;
    expect_login(FAKE_TOKEN, "token_rejected", 0);
    monotonic_ms += AUTH_REFUSED_FOR_MS;
    expect_login(FAKE_TOKEN, "granted", GRANTED_CALLS);
}

TEST(a_token_that_was_accepted_once_is_always_asked_about)
{
    expect_login(FAKE_TOKEN, "granted", GRANTED_CALLS);
    status_of_login = 401;
    expect_login(FAKE_TOKEN, "token_rejected", 2);
    expect_login(FAKE_TOKEN, "token_rejected", 2);
    status_of_login = 200;
    expect_login(FAKE_TOKEN, "granted", GRANTED_CALLS);
}

TEST(a_token_without_the_needed_rights_is_one_that_arvados_accepts)
{
    status_of_login = 403;
    expect_login(TOKEN_OF("3"), "token_scope", 1);
    status_of_login = 401;
    expect_login(TOKEN_OF("3"), "token_rejected", 2);
    expect_login(TOKEN_OF("3"), "token_rejected", 2);
}

TEST(only_a_confirmed_refusal_is_kept)
{
    status_of_login = 401;
    status_of_service = 401;
    expect_login(TOKEN_OF("4"), "upstream_error", 2);
    status_of_service = 500;
    expect_login(TOKEN_OF("4"), "upstream_error", 2);
    status_of_service = 200;
    expect_login(TOKEN_OF("4"), "token_rejected", 2);
    expect_login(TOKEN_OF("4"), "token_rejected", 0);
}

TEST(without_a_service_token_nothing_is_kept)
{
    fake_mount_clear(&mount);
    fake_mount_init(&mount, auth_backend());
    ((struct mount_shared *)mount.shared)->clock = &CLOCK;
    configure("arvados.test", false);
    unsigned asked = 0;
    status_of_login = 401;
    for (int i = 0; i < 2; i++) {
        EXPECT_TEXT("token_rejected", reason_of("login", TOKEN_OF("5"), &asked));
        EXPECT(asked > 0);
    }
}

TEST(a_changed_config_starts_with_an_empty_memory)
{
    status_of_login = 401;
    expect_login(FAKE_TOKEN, "token_rejected", 2);
    expect_login(FAKE_TOKEN, "token_rejected", 0);
    configure("other.test", true);
    status_of_login = 200;
    expect_login(FAKE_TOKEN, "granted", GRANTED_CALLS);
}

TEST(explain_asks_arvados_and_keeps_nothing)
{
    unsigned asked = 0;
    status_of_login = 401;
    EXPECT_TEXT("granted", reason_of("explain", TOKEN_OF("6"), &asked)); /* explain itself succeeds */
    EXPECT_INT(2, asked);
    expect_login(TOKEN_OF("6"), "token_rejected", 2);
    EXPECT_TEXT("granted", reason_of("explain", TOKEN_OF("6"), &asked));
    EXPECT_INT(2, asked);
}

/* ---- the memory by itself ---- */

struct scene {
    struct vp_budget budget;
    struct auth_shared shared;
    struct auth_mount mount;
    struct auth_site site;
    struct auth_snapshot snapshot;
    struct logical_call call;
    struct auth_request request;
};

static void init_scene(struct scene *scene, size_t budget)
{
    struct vp_error err = { 0 };
    *scene = (struct scene){ .budget = VP_BUDGET_INIT(NULL, budget) };
    EXPECT(arv_fingerprint_key_new(scene->shared.fingerprint_key));
    EXPECT_OK(auth_refused_new(&scene->budget, &scene->site.refused, &err), &err);
    scene->shared.base.clock = &CLOCK;
    scene->mount.core.shared = &scene->shared.base;
    scene->snapshot.site = &scene->site;
    scene->snapshot.config.service_token = vp_secret_new("s", 1);
    scene->call.mount = &scene->mount;
    scene->request = (struct auth_request){
        .call = &scene->call,
        .kind = AUTH_LOGIN,
        .snapshot = &scene->snapshot,
        .clock = &CLOCK,
        .deadline_ms = INT64_MAX,
    };
}

static void clear_scene(struct scene *scene)
{
    auth_refused_free(scene->site.refused);
    vp_secret_free(scene->snapshot.config.service_token);
    EXPECT_INT(0, atomic_load(&scene->budget.used));
}

static enum vp_code enter(struct scene *scene, int number, const char *label, struct auth_refused_visit *visit)
{
    char text[32];
    struct vp_error err = { 0 };
    int len = snprintf(text, sizeof text, "token %d", number);
    struct auth_token token = { .secret = vp_secret_new(text, (size_t)len) };
    enum vp_code code = auth_refused_enter(&scene->request, &token, label, visit, &err);
    vp_secret_free(token.secret);
    return code;
}

static void refuse(struct scene *scene, int number)
{
    struct auth_refused_visit visit;
    if (enter(scene, number, NULL, &visit) == VP_OK)
        auth_refused_leave(&scene->request, &visit, VP_REASON_TOKEN_REJECTED);
}

static void accept(struct scene *scene, int number)
{
    struct auth_refused_visit visit;
    if (enter(scene, number, NULL, &visit) == VP_OK)
        auth_refused_leave(&scene->request, &visit, VP_REASON_NONE);
}

static bool is_kept(struct scene *scene, int number, const char *label)
{
    struct auth_refused_visit visit;
    if (enter(scene, number, label, &visit) != VP_OK)
        return true;
    auth_refused_leave(&scene->request, &visit, VP_REASON_INTERNAL);
    return false;
}

TEST(memory_is_bounded_and_keeps_the_newest)
{
    struct scene scene;
    init_scene(&scene, SIZE_MAX);
    for (int i = 0; i < 100; i++)
        refuse(&scene, i);
    size_t used = atomic_load(&scene.budget.used);
    EXPECT(used > 0);
    for (int i = 100; i < 10 * AUTH_REFUSED_MAX; i++) {
        monotonic_ms += i % 100 == 0;
        refuse(&scene, i);
    }
    EXPECT_INT(used, atomic_load(&scene.budget.used));
    int n_kept = 0;
    for (int i = 0; i < 10 * AUTH_REFUSED_MAX; i++)
        n_kept += is_kept(&scene, i, NULL);
    EXPECT(n_kept <= AUTH_REFUSED_MAX);
    EXPECT(n_kept > AUTH_REFUSED_MAX / 2);
    EXPECT(is_kept(&scene, 10 * AUTH_REFUSED_MAX - 1, NULL));
    clear_scene(&scene);
}

TEST(refused_tokens_push_no_accepted_one_out)
{
    struct scene scene;
    init_scene(&scene, SIZE_MAX);
    for (int i = 0; i < 100; i++)
        accept(&scene, i);
    for (int i = 100; i < 10 * AUTH_REFUSED_MAX; i++)
        refuse(&scene, i);
    for (int i = 0; i < 100; i++) {
        refuse(&scene, i);
        EXPECT(!is_kept(&scene, i, NULL));
    }
    clear_scene(&scene);
}

TEST(what_does_not_fit_the_budget_is_asked_about)
{
    struct scene scene;
    init_scene(&scene, 1000);
    refuse(&scene, 1);
    accept(&scene, 2);
    EXPECT(!is_kept(&scene, 1, NULL));
    clear_scene(&scene);
}

/* The same token salted with a label is another question to Arvados. */
TEST(the_label_is_part_of_what_is_kept)
{
    struct scene scene;
    init_scene(&scene, SIZE_MAX);
    refuse(&scene, 1);
    EXPECT(is_kept(&scene, 1, NULL));
    EXPECT(!is_kept(&scene, 1, "vlt01"));
    clear_scene(&scene);
}

/* ---- many logins with one token ---- */

struct waiter {
    struct scene *scene;
    enum vp_code code;
    struct auth_refused_visit visit;
    pthread_t thread;
};

static void *wait_in_thread(void *context)
{
    struct waiter *waiter = context;
    waiter->code = enter(waiter->scene, 1, NULL, &waiter->visit);
    if (waiter->code == VP_OK)
        auth_refused_leave(&waiter->scene->request, &waiter->visit, VP_REASON_INTERNAL);
    return NULL;
}

static void expect_outcome_of_waiters(enum vp_reason first, enum vp_code others)
{
    struct scene scene;
    struct waiter waiters[5];
    struct auth_refused_visit visit;
    init_scene(&scene, SIZE_MAX);
    EXPECT(enter(&scene, 1, NULL, &visit) == VP_OK);
    for (size_t i = 0; i < 5; i++) {
        waiters[i] = (struct waiter){ .scene = &scene, .code = VP_ERR_INTERNAL };
        EXPECT(vp_thread_start(&waiters[i].thread, wait_in_thread, &waiters[i]));
    }
    EXPECT(!is_kept(&scene, 2, NULL)); /* another token does not wait */
    auth_refused_leave(&scene.request, &visit, first);
    for (size_t i = 0; i < 5; i++) {
        pthread_join(waiters[i].thread, NULL);
        EXPECT_INT(others, waiters[i].code);
    }
    clear_scene(&scene);
}

TEST(one_login_asks_and_others_with_the_same_token_share_its_refusal)
{
    expect_outcome_of_waiters(VP_REASON_TOKEN_REJECTED, VP_ERR_DENIED);
    expect_outcome_of_waiters(VP_REASON_NONE, VP_OK);
    expect_outcome_of_waiters(VP_REASON_UPSTREAM_ERROR, VP_OK);
}

TEST(the_wait_ends_with_the_deadline_and_with_the_caller)
{
    struct scene scene;
    struct auth_refused_visit first;
    struct auth_refused_visit second;
    struct vp_cancel cancel = VP_CANCEL_INIT;
    init_scene(&scene, SIZE_MAX);
    EXPECT(enter(&scene, 1, NULL, &first) == VP_OK);
    scene.request.deadline_ms = monotonic_ms;
    EXPECT_INT(VP_ERR_UNAVAILABLE, enter(&scene, 1, NULL, &second));
    scene.request.deadline_ms = INT64_MAX;
    scene.request.cancel = &cancel;
    vp_cancel_set(&cancel);
    EXPECT(enter(&scene, 1, NULL, &second) != VP_OK);
    auth_refused_leave(&scene.request, &first, VP_REASON_NONE);
    clear_scene(&scene);
}

#define MOUNT_CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        MOUNT_CASE(a_refused_token_is_refused_from_memory_for_ten_seconds),
        MOUNT_CASE(a_token_that_becomes_valid_is_accepted_ten_seconds_later),
        MOUNT_CASE(a_token_that_was_accepted_once_is_always_asked_about),
        MOUNT_CASE(a_token_without_the_needed_rights_is_one_that_arvados_accepts),
        MOUNT_CASE(only_a_confirmed_refusal_is_kept),
        MOUNT_CASE(without_a_service_token_nothing_is_kept),
        MOUNT_CASE(a_changed_config_starts_with_an_empty_memory),
        MOUNT_CASE(explain_asks_arvados_and_keeps_nothing),
        CASE(memory_is_bounded_and_keeps_the_newest),
        CASE(refused_tokens_push_no_accepted_one_out),
        CASE(what_does_not_fit_the_budget_is_asked_about),
        CASE(the_label_is_part_of_what_is_kept),
        CASE(one_login_asks_and_others_with_the_same_token_share_its_refusal),
        CASE(the_wait_ends_with_the_deadline_and_with_the_caller),
    };
    return cmocka_run_group_tests_name("auth_refused", cases, NULL, NULL);
}
