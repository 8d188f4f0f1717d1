/* What is remembered fits the budgets: what does not is served and not cached, and what does not fit the process refuses. */
#include <stdio.h>

#include "vp/auth.h"
#include "vp/clock.h"

#include "check.h"
#include "fake_arvados.h"
#include "fake_call.h"
#include "mount.h"

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

static struct fake_mount mount;
static unsigned n_lists; /* lists of links that Arvados was asked for */

static void answer(void *self, const struct http_exchange *exchange, struct fake_answer *answer_)
{
    n_lists += fake_arvados_record(exchange) == FAKE_LINKS;
    fake_arvados_answer(self, exchange, answer_);
}

static struct auth_mount *inner(void)
{
    return mount.mount;
}

static struct auth_shared *process(void)
{
    return mount.shared;
}

static void set_up_mount(int cache_ttl_s)
{
    char text[512];
    fake_http_set(answer, NULL);
    fake_mount_init(&mount, auth_backend());
    process()->base.clock = &CLOCK;
    (void)snprintf(text, sizeof text,
                   "{\"arvados_api_host\":\"arvados.test\",\"cluster_id\":\"zzzzz\",\"allowed_policy_prefixes\":"
                   "[\"arvados-\"],\"verify_connection\":false,\"cache_ttl\":%d,\"service_token\":\"" FAKE_SERVICE
                   "\"}",
                   cache_ttl_s);
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "config", text), &mount.err);
}

static const char *log_in(void)
{
    n_lists = 0;
    enum vp_code code = fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" FAKE_TOKEN "\"}");
    return code == VP_OK ? "granted" : vp_reason_word(mount.err.reason);
}

/* All is charged while it is there, and nothing is once it is gone. */
static void expect_all_given_back(void)
{
    struct auth_shared *shared = mount.shared;
    fake_mount_call(&mount, LOGICAL_DELETE, "config", NULL);
    (void)log_in(); /* the next request frees what was dropped */
    EXPECT_INT(0, atomic_load(&inner()->memory.used) - atomic_load(&shared->in_use.used));
    fake_mount_clear(&mount);
}

TEST(a_cached_table_and_user_are_charged_once)
{
    set_up_mount(10);
    EXPECT_TEXT("granted", log_in());
    EXPECT_INT(2, n_lists);
    size_t used = atomic_load(&inner()->memory.used);
    EXPECT(used > 1000);
    EXPECT_INT(used, atomic_load(&process()->memory.used));
    EXPECT_INT(used, atomic_load(&process()->in_use.used));
    EXPECT_TEXT("granted", log_in());
    EXPECT_INT(0, n_lists);
    monotonic_ms += 10000;
    EXPECT_TEXT("granted", log_in());
    EXPECT_INT(2, n_lists);
    EXPECT_INT(used, atomic_load(&inner()->memory.used));
    expect_all_given_back();
}

TEST(what_does_not_fit_the_mount_is_served_without_being_cached)
{
    set_up_mount(10);
    inner()->memory.max = 100;
    for (int i = 0; i < 3; i++) {
        EXPECT_TEXT("granted", log_in());
        EXPECT_INT(2, n_lists);
        EXPECT_INT(0, atomic_load(&inner()->memory.used));
        EXPECT_INT(0, atomic_load(&process()->in_use.used));
    }
    expect_all_given_back();
}

TEST(what_others_remember_leaves_less_for_this_mount)
{
    set_up_mount(10);
    struct vp_budget other = VP_BUDGET_INIT(&process()->memory, SIZE_MAX);
    EXPECT(vp_budget_take(&other, process()->memory.max - 100));
    EXPECT_TEXT("granted", log_in());
    EXPECT_TEXT("granted", log_in());
    EXPECT_INT(2, n_lists);
    vp_budget_give(&other, process()->memory.max - 100);
    EXPECT_TEXT("granted", log_in());
    EXPECT_TEXT("granted", log_in());
    EXPECT_INT(0, n_lists);
    expect_all_given_back();
}

TEST(unused_entries_are_dropped_when_the_budget_is_used_up)
{
    set_up_mount(10);
    EXPECT_TEXT("granted", log_in());
    inner()->memory.max = atomic_load(&inner()->memory.used) + 100;
    monotonic_ms += 10000;
    EXPECT_TEXT("granted", log_in());
    EXPECT_TEXT("granted", log_in());
    EXPECT_INT(0, n_lists);
    expect_all_given_back();
}

/* With cache_ttl=0 each login has its own table; all that exist at one time share the bound. */
TEST(lists_outside_the_cache_share_the_bound_of_the_process)
{
    set_up_mount(0);
    EXPECT_TEXT("granted", log_in());
    struct vp_budget *in_use = &process()->in_use;
    size_t free_bytes = in_use->max - atomic_load(&in_use->used);
    inner()->memory.max = 0;
    EXPECT(vp_budget_take(in_use, free_bytes - 100));
    EXPECT_TEXT("overloaded", log_in());
    vp_budget_give(in_use, free_bytes - 100);
    EXPECT_TEXT("granted", log_in());
    expect_all_given_back();
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_cached_table_and_user_are_charged_once),
        CASE(what_does_not_fit_the_mount_is_served_without_being_cached),
        CASE(what_others_remember_leaves_less_for_this_mount),
        CASE(unused_entries_are_dropped_when_the_budget_is_used_up),
        CASE(lists_outside_the_cache_share_the_bound_of_the_process),
    };
    return cmocka_run_group_tests_name("auth_grant_cache", cases, NULL, NULL);
}
