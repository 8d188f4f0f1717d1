#include <stdatomic.h>

#include "vp/cancel.h"

#include "check.h"

static void count(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

TEST(a_listener_hears_once)
{
    struct vp_cancel cancel = VP_CANCEL_INIT;
    atomic_int heard = 0;
    EXPECT(!vp_cancel_is_set(&cancel));
    vp_cancel_listen(&cancel, count, &heard);
    vp_cancel_set(&cancel);
    vp_cancel_set(&cancel);
    EXPECT(vp_cancel_is_set(&cancel));
    EXPECT_INT(1, atomic_load(&heard));
}

TEST(who_listens_late_hears_at_once_and_who_left_hears_nothing)
{
    struct vp_cancel cancel = VP_CANCEL_INIT;
    atomic_int left = 0;
    atomic_int late = 0;
    vp_cancel_listen(&cancel, count, &left);
    vp_cancel_unlisten(&cancel);
    vp_cancel_set(&cancel);
    vp_cancel_listen(&cancel, count, &late);
    vp_cancel_unlisten(&cancel);
    EXPECT_INT(0, atomic_load(&left));
    EXPECT_INT(1, atomic_load(&late));
}

TEST(nobody_is_never_cancelled)
{
    atomic_int heard = 0;
    vp_cancel_listen(NULL, count, &heard);
    vp_cancel_unlisten(NULL);
    EXPECT(!vp_cancel_is_set(NULL));
    EXPECT_INT(0, atomic_load(&heard));
}

static void *set(void *cancel)
{
    vp_cancel_set(cancel);
    return NULL;
}

TEST(after_unlistening_the_listener_does_not_run_whoever_cancels_meanwhile)
{
    for (int i = 0; i < 500; i++) {
        struct vp_cancel cancel = VP_CANCEL_INIT;
        atomic_int heard = 0;
        pthread_t thread;
        vp_cancel_listen(&cancel, count, &heard);
        assert_int_equal(0, pthread_create(&thread, NULL, set, &cancel));
        vp_cancel_unlisten(&cancel);
        int before = atomic_load(&heard);
        (void)pthread_join(thread, NULL);
        EXPECT_INT(before, atomic_load(&heard));
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_listener_hears_once),
        CASE(who_listens_late_hears_at_once_and_who_left_hears_nothing),
        CASE(nobody_is_never_cancelled),
        CASE(after_unlistening_the_listener_does_not_run_whoever_cancels_meanwhile),
    };
    return cmocka_run_group_tests_name("base_cancel", cases, NULL, NULL);
}
