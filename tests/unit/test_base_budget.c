/* Budgets of bytes: nothing is kept beyond either bound, and what is given back can be taken again. */
#include <pthread.h>

#include "vp/budget.h"

#include "check.h"

TEST(a_budget_is_taken_to_the_last_byte_and_no_further)
{
    struct vp_budget budget = VP_BUDGET_INIT(NULL, 100);
    EXPECT(vp_budget_take(&budget, 60));
    EXPECT(!vp_budget_take(&budget, 41));
    EXPECT(vp_budget_take(&budget, 40));
    EXPECT(!vp_budget_take(&budget, 1));
    EXPECT(vp_budget_take(&budget, 0));
    EXPECT(!vp_budget_take(&budget, SIZE_MAX));
    vp_budget_give(&budget, 1);
    EXPECT(vp_budget_take(&budget, 1));
}

TEST(a_part_ends_where_the_whole_ends_and_leaves_nothing_behind)
{
    struct vp_budget whole = VP_BUDGET_INIT(NULL, 100);
    struct vp_budget one = VP_BUDGET_INIT(&whole, 80);
    struct vp_budget other = VP_BUDGET_INIT(&whole, 80);
    EXPECT(vp_budget_take(&one, 70));
    EXPECT(!vp_budget_take(&other, 31));
    EXPECT_INT(0, atomic_load(&other.used));
    EXPECT(vp_budget_take(&other, 30));
    EXPECT(!vp_budget_take(&one, 1));
    vp_budget_give(&other, 30);
    EXPECT(vp_budget_take(&one, 10));
    EXPECT(!vp_budget_take(&one, 1)); /* its own bound */
    EXPECT_INT(80, atomic_load(&whole.used));
}

enum { THREADS = 4, TIMES = 20000 };

static void *take_and_give(void *context)
{
    struct vp_budget *budget = context;
    size_t n_taken = 0;
    for (int i = 0; i < TIMES; i++)
        if (vp_budget_take(budget, 30)) {
            n_taken++;
            EXPECT(atomic_load(&budget->whole->used) <= budget->whole->max);
            vp_budget_give(budget, 30);
        }
    EXPECT(n_taken > 0);
    return NULL;
}

TEST(threads_together_never_exceed_it)
{
    struct vp_budget whole = VP_BUDGET_INIT(NULL, 100);
    struct vp_budget parts[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        parts[i] = (struct vp_budget)VP_BUDGET_INIT(&whole, 50);
        EXPECT_INT(0, pthread_create(&threads[i], NULL, take_and_give, &parts[i]));
    }
    for (int i = 0; i < THREADS; i++)
        EXPECT_INT(0, pthread_join(threads[i], NULL));
    EXPECT_INT(0, atomic_load(&whole.used));
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_budget_is_taken_to_the_last_byte_and_no_further),
        CASE(a_part_ends_where_the_whole_ends_and_leaves_nothing_behind),
        CASE(threads_together_never_exceed_it),
    };
    return cmocka_run_group_tests_name("base_budget", cases, NULL, NULL);
}
