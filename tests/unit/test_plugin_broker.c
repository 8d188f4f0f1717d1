#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "broker.h"
#include "check.h"

enum { LONG_MS = 5000, SHORT_MS = 20 };

static enum vp_code take(struct plugin_broker *broker, uint32_t id, int64_t timeout_ms, const char *expected,
                         struct vp_error *err)
{
    char address[PLUGIN_BROKER_ADDRESS_SIZE];

    VP_TRY(plugin_broker_take(broker, id, timeout_ms, address, err));
    EXPECT_TEXT(expected, address);
    return VP_OK;
}

TEST(an_address_that_was_told_is_there_once)
{
    struct plugin_broker *broker = plugin_broker_new();
    struct vp_error err = { 0 };

    plugin_broker_tell(broker, 1, "unix", "/tmp/one");
    plugin_broker_tell(broker, 2, "unix", "/tmp/two");

    EXPECT_OK(take(broker, 2, LONG_MS, "/tmp/two", &err), &err);
    EXPECT_OK(take(broker, 1, LONG_MS, "/tmp/one", &err), &err);
    EXPECT_FAIL(VP_REASON_INTERNAL, take(broker, 1, SHORT_MS, "", &err), &err);
    plugin_broker_free(broker);
}

static void *tell_later(void *context)
{
    nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000000L }, NULL);
    plugin_broker_tell(context, 3, "unix", "/tmp/other");
    plugin_broker_tell(context, 7, "unix", "/tmp/late");
    return NULL;
}

TEST(an_address_that_is_told_later_is_waited_for)
{
    struct plugin_broker *broker = plugin_broker_new();
    struct vp_error err = { 0 };
    pthread_t teller;
    EXPECT_INT(0, pthread_create(&teller, NULL, tell_later, broker));

    EXPECT_OK(take(broker, 7, LONG_MS, "/tmp/late", &err), &err);

    pthread_join(teller, NULL);
    plugin_broker_free(broker);
}

static void *close_later(void *context)
{
    nanosleep(&(struct timespec){ .tv_nsec = 20 * 1000000L }, NULL);
    plugin_broker_close(context);
    return NULL;
}

TEST(a_close_ends_all_waiting)
{
    struct plugin_broker *broker = plugin_broker_new();
    struct vp_error err = { 0 };
    pthread_t closer;
    EXPECT_INT(0, pthread_create(&closer, NULL, close_later, broker));

    EXPECT_FAIL(VP_REASON_INTERNAL, take(broker, 1, 600000, "", &err), &err);
    EXPECT_FAIL(VP_REASON_INTERNAL, take(broker, 1, 600000, "", &err), &err);

    pthread_join(closer, NULL);
    plugin_broker_free(broker);
}

TEST(only_unix_sockets_count)
{
    struct plugin_broker *broker = plugin_broker_new();
    struct vp_error err = { 0 };
    char long_path[200];
    memset(long_path, 'x', sizeof long_path);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';

    plugin_broker_tell(broker, 1, "tcp", "127.0.0.1:1");
    plugin_broker_tell(broker, 1, "unix", "relative");
    plugin_broker_tell(broker, 1, "unix", long_path);

    EXPECT_FAIL(VP_REASON_INTERNAL, take(broker, 1, SHORT_MS, "", &err), &err);
    plugin_broker_free(broker);
}

TEST(addresses_that_nobody_takes_are_bounded)
{
    struct plugin_broker *broker = plugin_broker_new();
    struct vp_error err = { 0 };

    for (uint32_t id = 0; id < PLUGIN_BROKER_MAX + 2; id++)
        plugin_broker_tell(broker, id, "unix", "/tmp/x");

    EXPECT_FAIL(VP_REASON_INTERNAL, take(broker, 1, SHORT_MS, "", &err), &err);
    EXPECT_OK(take(broker, 2, LONG_MS, "/tmp/x", &err), &err);
    EXPECT_OK(take(broker, PLUGIN_BROKER_MAX + 1, LONG_MS, "/tmp/x", &err), &err);
    plugin_broker_free(broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_address_that_was_told_is_there_once),
        CASE(an_address_that_is_told_later_is_waited_for),
        CASE(a_close_ends_all_waiting),
        CASE(only_unix_sockets_count),
        CASE(addresses_that_nobody_takes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
