#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vp/secret.h"

#include "arena.h"
#include "check.h"

TEST(a_secret_keeps_its_bytes_and_its_length_nul_included)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *secret = vp_secret_new("a\0b", 3);
    EXPECT_INT(3, vp_secret_len(secret));
    assert_memory_equal(vp_secret_reveal(secret), "a\0b", 4);

    VP_AUTO(vp_secret_freep) struct vp_secret *empty = vp_secret_new(NULL, 0);
    EXPECT_INT(0, vp_secret_len(empty));
    EXPECT_TEXT("", vp_secret_reveal(empty));
    EXPECT_NULL(vp_secret_new("x", SIZE_MAX));
}

TEST(secrets_are_equal_by_content)
{
    VP_AUTO(vp_secret_freep) struct vp_secret *secret = vp_secret_new("abc", 3);
    VP_AUTO(vp_secret_freep) struct vp_secret *copy = vp_secret_copy(secret);
    VP_AUTO(vp_secret_freep) struct vp_secret *other = vp_secret_new("abd", 3);
    VP_AUTO(vp_secret_freep) struct vp_secret *longer = vp_secret_new("abcd", 4);
    EXPECT(copy != secret);
    EXPECT(vp_secret_equal(secret, copy));
    EXPECT(!vp_secret_equal(secret, other));
    EXPECT(!vp_secret_equal(secret, longer));
    EXPECT(!vp_secret_equal(secret, NULL));
    EXPECT(!vp_secret_equal(NULL, secret));
    EXPECT(vp_secret_equal(NULL, NULL));
    EXPECT_NULL(vp_secret_copy(NULL));
}

TEST(wiping_leaves_no_byte)
{
    char text[] = "geheim";
    static const char ZEROS[sizeof text];
    vp_wipe(text, sizeof text);
    assert_memory_equal(text, ZEROS, sizeof text);
    vp_wipe(NULL, 0);
    vp_wipe_text(NULL);
    vp_secret_free(NULL);
}

TEST(a_secret_lies_in_the_arena_and_leaves_it_wiped)
{
    struct vp_secret *secret = vp_secret_new("geheim", 6);
    EXPECT_INT(1, vp_arena_used());
    EXPECT(vp_arena_has(secret));
    EXPECT(!vp_arena_has("elsewhere"));
    vp_secret_free(secret);
    EXPECT_INT(0, vp_arena_used());
    static const char ZEROS[VP_ARENA_SLOT];
    void *again = vp_arena_take(VP_ARENA_SLOT);
    EXPECT(again == (void *)secret); /* the first free one */
    assert_memory_equal(again, ZEROS, VP_ARENA_SLOT);
    vp_arena_give_back(again);
}

TEST(a_secret_too_long_for_a_slot_and_one_too_many_lie_on_the_heap)
{
    static char long_text[VP_ARENA_SLOT];
    static struct vp_secret *secrets[VP_ARENA_SLOTS + 2];
    struct vp_secret *secret = vp_secret_new(long_text, sizeof long_text);
    EXPECT(!vp_arena_has(secret));
    vp_secret_free(secret);
    for (size_t i = 0; i < VP_ARENA_SLOTS + 2; i++) {
        secrets[i] = vp_secret_new(&i, sizeof i);
        EXPECT_INT(i < VP_ARENA_SLOTS, vp_arena_has(secrets[i]));
    }
    EXPECT_INT(VP_ARENA_SLOTS, vp_arena_used());
    for (size_t i = 0; i < VP_ARENA_SLOTS + 2; i++) {
        assert_memory_equal(vp_secret_reveal(secrets[i]), &i, sizeof i);
        vp_secret_free(secrets[i]);
    }
    EXPECT_INT(0, vp_arena_used());
}

/* The status of a child that runs `what`. */
static int in_a_child(int (*what)(void))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(what());
    EXPECT(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct vp_secret *inherited;

static int sees_nothing(void)
{
    return vp_secret_len(inherited) != 0;
}

TEST(a_child_process_inherits_no_secret)
{
    inherited = vp_secret_new("geheim", 6);
    EXPECT_INT(0, in_a_child(sees_nothing));
    EXPECT_TEXT("geheim", vp_secret_reveal(inherited));
    vp_secret_free(inherited);
}

/* Within what a limit lets, from the start on; without any, unlocked. Needs an arena that is not made yet. */
static int locks_within(rlim_t limit)
{
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ limit, limit });
    struct vp_secret *secret = vp_secret_new("geheim", 6);
    bool fine = vp_arena_has(secret) && vp_arena_locked() <= limit;
    return fine && (limit == 0 || geteuid() == 0 || vp_arena_locked() == limit) ? 0 : 1;
}

static int locks_nothing(void)
{
    return locks_within(0);
}

static int locks_a_part(void)
{
    return locks_within(64 * 1024);
}

TEST(a_limit_on_locked_memory_is_no_hindrance)
{
    EXPECT_INT(0, vp_arena_locked()); /* nothing was made before */
    EXPECT_INT(0, in_a_child(locks_nothing));
    EXPECT_INT(0, in_a_child(locks_a_part));
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_limit_on_locked_memory_is_no_hindrance),
        CASE(a_secret_lies_in_the_arena_and_leaves_it_wiped),
        CASE(a_secret_too_long_for_a_slot_and_one_too_many_lie_on_the_heap),
        CASE(a_child_process_inherits_no_secret),
        CASE(a_secret_keeps_its_bytes_and_its_length_nul_included),
        CASE(secrets_are_equal_by_content),
        CASE(wiping_leaves_no_byte),
    };
    return cmocka_run_group_tests_name("base_secret", cases, NULL, NULL);
}
