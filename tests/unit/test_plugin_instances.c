#include <grpc/grpc.h>
#include <stdlib.h>

#include "check.h"
#include "instances.h"

/* A backend that counts its mounts. */
static int n_mounts;
static bool refusing;

static enum vp_code mount_new(void *shared, void **ret_mount, struct vp_error *err)
{
    if (refusing)
        return vp_fail(err, VP_REASON_INTERNAL, "no mount");
    EXPECT_TEXT("shared", shared);
    n_mounts++;
    *ret_mount = malloc(1);
    return VP_OK;
}

static void mount_free(void *mount)
{
    n_mounts--;
    free(mount);
}

static const struct logical_backend BACKEND = { .mount_new = mount_new, .mount_free = mount_free };
static char shared[] = "shared";

static struct plugin_instances *make(void)
{
    n_mounts = 0;
    refusing = false;
    return plugin_instances_new(&BACKEND, shared);
}

static enum vp_code add(struct plugin_instances *instances, const char *id, struct vp_error *err)
{
    grpc_channel *channel = grpc_lame_client_channel_create("unix:x", GRPC_STATUS_UNAVAILABLE, "lame");

    return plugin_instances_add(instances, id, channel, err);
}

TEST(a_mount_is_found_by_its_id)
{
    struct plugin_instances *instances = make();
    struct vp_error err = { 0 };
    EXPECT_OK(add(instances, "one", &err), &err);
    EXPECT_OK(add(instances, "", &err), &err);

    struct plugin_instance *one = plugin_instances_get(instances, "one");
    struct plugin_instance *none = plugin_instances_get(instances, "");

    EXPECT(one != NULL && none != NULL && one->mount != none->mount);
    EXPECT_NULL(plugin_instances_get(instances, "two"));
    plugin_instances_put(instances, one);
    plugin_instances_put(instances, none);
    plugin_instances_put(instances, NULL);
    EXPECT_INT(2, n_mounts);
    plugin_instances_free(instances);
    EXPECT_INT(0, n_mounts);
}

TEST(a_clean_up_frees_the_mount_after_its_last_request)
{
    struct plugin_instances *instances = make();
    struct vp_error err = { 0 };
    EXPECT_OK(add(instances, "one", &err), &err);
    struct plugin_instance *used = plugin_instances_get(instances, "one");

    plugin_instances_remove(instances, "one");

    EXPECT_NULL(plugin_instances_get(instances, "one"));
    EXPECT_INT(1, n_mounts);
    plugin_instances_put(instances, used);
    EXPECT_INT(0, n_mounts);
    plugin_instances_remove(instances, "one"); /* hosts do it twice */
    plugin_instances_free(instances);
}

TEST(a_second_set_up_takes_the_first_ones_place)
{
    struct plugin_instances *instances = make();
    struct vp_error err = { 0 };
    EXPECT_OK(add(instances, "one", &err), &err);
    struct plugin_instance *old = plugin_instances_get(instances, "one");

    EXPECT_OK(add(instances, "one", &err), &err);
    struct plugin_instance *current = plugin_instances_get(instances, "one");

    EXPECT(old != current);
    plugin_instances_put(instances, old);
    EXPECT_INT(1, n_mounts);
    plugin_instances_put(instances, current);
    plugin_instances_free(instances);
    EXPECT_INT(0, n_mounts);
}

TEST(a_mount_that_cannot_be_made_leaves_nothing)
{
    struct plugin_instances *instances = make();
    struct vp_error err = { 0 };
    refusing = true;

    EXPECT_FAIL(VP_REASON_INTERNAL, add(instances, "one", &err), &err);

    EXPECT_NULL(plugin_instances_get(instances, "one"));
    plugin_instances_free(instances);
}

TEST(storage_that_is_not_there_says_why)
{
    struct plugin_instances *instances = make();
    struct vp_error err = { 0 };
    struct vp_buf value = VP_BUF_INIT(100);
    struct vp_cancel cancel = VP_CANCEL_INIT;
    bool found = false;
    EXPECT_OK(add(instances, "one", &err), &err);
    struct plugin_instance *one = plugin_instances_get(instances, "one");

    EXPECT_FAIL(VP_REASON_HOST, one->storage.get(one->storage.self, "key", &cancel, &value, &found, &err), &err);
    EXPECT_TEXT("lame", err.message);
    vp_cancel_set(&cancel);
    EXPECT_FAIL(VP_REASON_CANCELLED, one->storage.get(one->storage.self, "key", &cancel, &value, &found, &err), &err);

    plugin_instances_put(instances, one);
    plugin_instances_free(instances);
}

static int set_up(void **state)
{
    (void)state;
    grpc_init();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    grpc_shutdown_blocking();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_mount_is_found_by_its_id),
        CASE(a_clean_up_frees_the_mount_after_its_last_request),
        CASE(a_second_set_up_takes_the_first_ones_place),
        CASE(a_mount_that_cannot_be_made_leaves_nothing),
        CASE(storage_that_is_not_there_says_why),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
