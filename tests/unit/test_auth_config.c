/* The rules of a configuration and its record, without a host and without Arvados. */
#include <stdlib.h>

#include "vp/auth.h"

#include "check.h"
#include "config.h"
#include "fake_call.h"
#include "mount.h"

#define GOOD                                                                                                  \
    "\"arvados_api_host\":\"arvados.example.org\",\"allowed_policy_prefixes\":[\"arvados-\"],\"cluster_id\":" \
    "\"zzzzz\","                                                                                              \
    "\"verify_connection\":false"
#define SECRET "3kg6k6lzmp9kj5cpkcoxie963cmvjahbt2fod9zru30k1jqdmi"
#define TOKEN "v2/zzzzz-gj3su-077z32aux8dg2s1/" SECRET

static struct fake_mount mount;

static int set_up(void **state)
{
    (void)state;
    fake_mount_init(&mount, auth_backend());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_mount_clear(&mount);
    return 0;
}

static enum vp_code write_config(const char *body)
{
    return fake_mount_call(&mount, LOGICAL_UPDATE, "config", body);
}

TEST(the_presets_of_the_table_are_all_readable)
{
    struct vp_error err = { 0 };
    struct auth_config config = { 0 };

    EXPECT_OK(logical_fields_init(AUTH_CONFIG_FIELDS, &config, &err), &err);

    EXPECT_TEXT("vault_policy", config.link_class);
    EXPECT_TEXT("container", config.login_kind);
    EXPECT_INT(64, config.max_policies);
    EXPECT_INT(10, config.site.request_timeout_s);
    EXPECT_INT(2, config.site.max_retries);
    EXPECT_INT(64, config.site.max_concurrent_requests);
    EXPECT(config.site.verify_connection);
    auth_config_clear(&config);
}

TEST(a_record_is_seal_wrapped_and_read_back_by_a_new_mount)
{
    EXPECT_OK(write_config("{" GOOD ",\"service_token\":\" " TOKEN "\\n\",\"max_policies\":7}"), &mount.err);

    EXPECT(fake_storage_is_wrapped(mount.storage, "config"));
    EXPECT_CONTAINS("\"record_version\":1", fake_storage_peek(mount.storage, "config"));
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_READ, "config", NULL), &mount.err);
    const char *shown = vp_buf_text(&mount.reply.data);
    EXPECT_CONTAINS("\"max_policies\":7", shown);
    EXPECT_CONTAINS("\"service_token_set\":true", shown);
    EXPECT_CONTAINS("zzzzz-gj3su-077z32aux8dg2s1", shown);
    EXPECT_LACKS("3kg6k6lzmp9kj5cpkcoxie963cmvjahbt2fod9zru30k1jqdmi", shown);
}

TEST(a_service_token_is_stored_without_the_blanks_of_a_paste)
{
    EXPECT_OK(write_config("{" GOOD ",\"service_token\":\"\\t " TOKEN " \\r\\n\"}"), &mount.err);
    EXPECT_CONTAINS("\"service_token\":\"" TOKEN "\"", fake_storage_peek(mount.storage, "config"));
}

TEST(a_refused_write_stores_nothing_and_changes_nothing)
{
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    char *before = strdup(fake_storage_peek(mount.storage, "config"));

    EXPECT_FAIL(VP_REASON_BAD_REQUEST, write_config("{\"max_policies\":0}"), &mount.err);
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, write_config("{\"max_polices\":5}"), &mount.err);
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, write_config("{\"cache_ttl\":7200}"), &mount.err);

    EXPECT_TEXT(before, fake_storage_peek(mount.storage, "config"));
    EXPECT_INT(1, fake_storage_count(mount.storage, FAKE_PUT));
    free(before);
}

/* `n` items as one text with commas: each a number of `width` digits between two texts. */
struct many {
    const char *field, *head, *tail;
    int width;
    unsigned n;
};

static enum vp_code write_many(const struct many *many)
{
    struct vp_buf body = VP_BUF_INIT(4 * 1024 * 1024);
    vp_buf_add_format(&body, "{" GOOD ",\"%s\":\"", many->field);
    for (unsigned i = 0; i < many->n; i++)
        vp_buf_add_format(&body, "%s%s%0*u%s", i == 0 ? "" : ",", many->head, many->width, i, many->tail);
    vp_buf_add_text(&body, "\"}");
    enum vp_code code = write_config(vp_buf_text(&body));
    vp_buf_clear(&body);
    return code;
}

TEST(what_could_not_be_read_again_is_not_stored)
{
    static const struct {
        struct many many;
        const char *words;
    } ROWS[] = {
        { { "allowed_policies", "arvados-", "", 1, 21000 }, "too many values" },
        { { "allowed_policies", "arvados-", "", 50, 18500 }, "larger than 1048576 bytes" },
        { { "prefixes_by_owner", "zzzzz-tpzed-", "=arvados-", 15, 10001 }, "10000 keys at the most" },
    };
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        EXPECT_FAIL(VP_REASON_BAD_REQUEST, write_many(&ROWS[i].many), &mount.err);
        EXPECT_CONTAINS(ROWS[i].words, mount.err.message);
        EXPECT_OK(fake_mount_call(&mount, LOGICAL_READ, "config", NULL), &mount.err);
    }
}

TEST(records_that_can_not_be_read_as_they_were_meant_refuse)
{
    static const char *const RECORDS[] = {
        "",
        "{",
        "null",
        "[]",
        "{}",
        "{\"record_version\":1}",
        "{\"record_version\":2,\"config\":{}}",
        "{\"record_version\":\"1\",\"config\":{}}",
        "{\"record_version\":1,\"config\":[]}",
        "{\"record_version\":1,\"config\":{}}", /* found by fuzzing: ended the process */
        "{\"record_version\":1,\"config\":{\"arvados_api_host\":\"a\",\"cluster_id\":\"Z\"}}",
        "{\"record_version\":1,\"config\":{" GOOD ",\"from_a_newer_version\":true}}",
        "{\"record_version\":1,\"config\":{" GOOD ",\"max_policies\":\"many\"}}",
        "{\"record_version\":1,\"config\":{" GOOD ",\"max_policies\":64,\"max_policies\":64}}",
        "{\"record_version\":1,\"config\":{" GOOD "}}x",
    };
    for (size_t i = 0; i < sizeof RECORDS / sizeof RECORDS[0]; i++) {
        fake_storage_plant(mount.storage, "config", RECORDS[i]);
        mount.backend->invalidate(mount.mount, "config");
        EXPECT_FAIL(VP_REASON_CONFIG_UNREADABLE, fake_mount_call(&mount, LOGICAL_READ, "config", NULL), &mount.err);
        EXPECT_FAIL(VP_REASON_CONFIG_UNREADABLE,
                    fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" TOKEN "\"}"), &mount.err);
        EXPECT_LACKS("record", mount.err.message);
        EXPECT_FAIL(VP_REASON_CONFIG_UNREADABLE, write_config("{\"max_policies\":5}"), &mount.err);
    }
}

TEST(a_record_that_breaks_the_rules_of_this_version_serves_no_login)
{
    static const char *const CHANGES[] = {
        "\"trusted_link_owners\":[\"zzzzz-tpzed-xurymjxw79nv3jz\"]",
        "\"allowed_policies\":[\"root\"]",
        "\"link_class\":\"permission\"",
        "\"login_kind\":\"users\"",
        "\"prefixes_by_owner\":{\"zzzzz-tpzed-xurymjxw79nv3jz\":\"arvados-\"}",
        "\"group_alias_uuids\":[\"zzzzz-j7d0g-anonymouspublic\"]",
    };
    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        struct vp_buf record = VP_BUF_INIT(4096);
        vp_buf_add_format(&record, "{\"record_version\":1,\"config\":{%s,%s}}", GOOD, CHANGES[i]);
        fake_storage_plant(mount.storage, "config", vp_buf_text(&record));
        vp_buf_clear(&record);
        mount.backend->invalidate(mount.mount, "config");
        EXPECT_FAIL(VP_REASON_CONFIG_UNREADABLE,
                    fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" TOKEN "\"}"), &mount.err);
    }
}

TEST(the_words_of_the_hosts_storage_pass_unchanged)
{
    static const char READONLY[] = "cannot write to readonly storage";
    fake_storage_fail(mount.storage, FAKE_PUT, READONLY);
    EXPECT_FAIL(VP_REASON_HOST, write_config("{" GOOD "}"), &mount.err);
    EXPECT_TEXT(READONLY, mount.err.message);

    fake_storage_fail(mount.storage, FAKE_REMOVE, READONLY);
    EXPECT_FAIL(VP_REASON_HOST, fake_mount_call(&mount, LOGICAL_DELETE, "config", NULL), &mount.err);
    EXPECT_TEXT(READONLY, mount.err.message);

    fake_storage_fail(mount.storage, FAKE_GET, "the disk burns");
    EXPECT_FAIL(VP_REASON_HOST, fake_mount_call(&mount, LOGICAL_READ, "config", NULL), &mount.err);
    EXPECT_TEXT("the disk burns", mount.err.message);
}

TEST(a_stranger_hears_nothing_of_the_hosts_words_but_those_that_forward_a_login)
{
    fake_storage_fail(mount.storage, FAKE_GET, "failed to connect to unix:/tmp/plugin123");
    EXPECT_FAIL(VP_REASON_INTERNAL, fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" TOKEN "\"}"),
                &mount.err);
    EXPECT_LACKS("plugin123", mount.err.message);
    EXPECT_CONTAINS("plugin123", mount.err.detail);

    fake_storage_fail(mount.storage, FAKE_GET, "cannot write to readonly storage");
    EXPECT_FAIL(VP_REASON_HOST, fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" TOKEN "\"}"),
                &mount.err);
    EXPECT_TEXT("cannot write to readonly storage", mount.err.message);
}

TEST(after_a_write_that_failed_the_config_is_read_anew_since_it_may_still_land)
{
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    fake_storage_fail(mount.storage, FAKE_PUT, "deadline exceeded");
    EXPECT_FAIL(VP_REASON_HOST, write_config("{\"allowed_token_clusters\":[\"yyyyy\"]}"), &mount.err);
    fake_storage_fail(mount.storage, FAKE_PUT, NULL);
    EXPECT_FAIL(VP_REASON_TOKEN_MALFORMED, fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"x\"}"),
                &mount.err);

    fake_storage_plant(mount.storage, "config",
                       "{\"record_version\":1,\"config\":{" GOOD ",\"allowed_token_clusters\":[\"yyyyy\"]}}");

    EXPECT_FAIL(VP_REASON_CLUSTER_NOT_ALLOWED,
                fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" TOKEN "\"}"), &mount.err);
}

/* A good one says nothing of the one that may still land. */
TEST(a_write_that_went_well_does_not_end_the_distrust_of_an_earlier_one)
{
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    fake_storage_fail(mount.storage, FAKE_PUT, "deadline exceeded");
    EXPECT_FAIL(VP_REASON_HOST, write_config("{\"allowed_token_clusters\":[\"yyyyy\"]}"), &mount.err);
    fake_storage_fail(mount.storage, FAKE_PUT, NULL);
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "role/other", "{}"), &mount.err);
    EXPECT_FAIL(VP_REASON_TOKEN_MALFORMED,
                fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"x\",\"role\":\"other\"}"), &mount.err);

    fake_storage_plant(mount.storage, "config",
                       "{\"record_version\":1,\"config\":{" GOOD ",\"allowed_token_clusters\":[\"yyyyy\"]}}");

    EXPECT_FAIL(VP_REASON_CLUSTER_NOT_ALLOWED,
                fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" TOKEN "\",\"role\":\"other\"}"),
                &mount.err);
}

TEST(a_token_in_the_wrong_field_is_not_quoted)
{
    static const char *const BODIES[] = { "{\"trusted_link_owners\":\"" TOKEN "\"}",
                                          "{\"allowed_policies\":\"" TOKEN "\"}", "{\"" TOKEN "\":1}",
                                          "{\"allowed_token_clusters\":\"" SECRET "\"}" };
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    for (size_t i = 0; i < sizeof BODIES / sizeof BODIES[0]; i++) {
        EXPECT_FAIL(VP_REASON_BAD_REQUEST, write_config(BODIES[i]), &mount.err);
        EXPECT_LACKS("3kg6k6", mount.err.message);
    }
    EXPECT_FAIL(VP_REASON_ROLE_UNKNOWN,
                fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"x\",\"role\":\"" TOKEN "\"}"),
                &mount.err);
    EXPECT_LACKS("3kg6k6", mount.err.message);
}

TEST(a_put_that_failed_leaves_no_picture_of_the_new_config)
{
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    fake_storage_fail(mount.storage, FAKE_PUT, "no");
    EXPECT_FAIL(VP_REASON_HOST, write_config("{\"max_policies\":5}"), &mount.err);
    fake_storage_fail(mount.storage, FAKE_PUT, NULL);

    EXPECT_OK(fake_mount_call(&mount, LOGICAL_READ, "config", NULL), &mount.err);

    EXPECT_CONTAINS("\"max_policies\":64", vp_buf_text(&mount.reply.data));
}

static void expect_forwarded(enum vp_code code)
{
    EXPECT_FAIL(VP_REASON_HOST, code, &mount.err);
    EXPECT_TEXT("please forward to the active node", mount.err.message);
}

TEST(a_standby_sends_logins_and_renewals_on_and_asks_nobody)
{
    mount.standby = true;
    /* What it does not find may be on its way to it. */
    expect_forwarded(fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" TOKEN "\"}"));

    mount.standby = false;
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "role/short", "{\"token_type\":\"batch\"}"), &mount.err);
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "role/long", "{\"token_type\":\"service\"}"), &mount.err);
    mount.standby = true;
    expect_forwarded(fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"x\",\"role\":\"long\"}"));
    expect_forwarded(fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"x\",\"role\":\"new\"}"));
    expect_forwarded(fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"x\"}"));
    expect_forwarded(fake_mount_renew(&mount, "{}", "arvados-read", 10));
    EXPECT_FAIL(VP_REASON_TOKEN_MALFORMED,
                fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"x\",\"role\":\"short\"}"), &mount.err);
}

static int64_t later_ms(void *self)
{
    return VP_CLOCK_SYSTEM.monotonic_ms(VP_CLOCK_SYSTEM.self) + *(const int64_t *)self;
}

static int64_t now_s(void *self)
{
    (void)self;
    return VP_CLOCK_SYSTEM.now_s(VP_CLOCK_SYSTEM.self);
}

static enum vp_code login_by_short(void)
{
    return fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"x\",\"role\":\"short\"}");
}

/* An attempt to store there would fail, and a failed write ends caching for a while. */
TEST(a_standby_sends_writes_on_before_anything_else)
{
    static const struct {
        enum logical_operation operation;
        const char *path, *body;
    } ROWS[] = {
        { LOGICAL_UPDATE, "config", "{\"cache_ttl\":5}" },
        { LOGICAL_CREATE, "config", "{\"no_such_field\":1}" },
        { LOGICAL_DELETE, "config", NULL },
        { LOGICAL_UPDATE, "role/ci", "{\"bound_user_uuids\":\"\"}" },
        { LOGICAL_DELETE, "role/ci", NULL },
    };
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    mount.standby = true;
    unsigned n_before = fake_storage_count(mount.storage, FAKE_GET);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        EXPECT_FAIL(VP_REASON_HOST, fake_mount_call(&mount, ROWS[i].operation, ROWS[i].path, ROWS[i].body), &mount.err);
        EXPECT_TEXT("please forward to the active node", mount.err.message);
    }
    EXPECT_INT(n_before, fake_storage_count(mount.storage, FAKE_GET));
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_READ, "config", NULL), &mount.err);
    for (int i = 0; i < 3; i++)
        (void)fake_mount_call(&mount, LOGICAL_RESOLVE_ROLE, "login", NULL);
    EXPECT_INT(n_before + 2, fake_storage_count(mount.storage, FAKE_GET)); /* the read, and the snapshot once */
}

/* The host tells a standby what changed, once, and does not wait long for it to be heard. */
TEST(a_change_that_a_standby_was_not_told_of_counts_there_after_ten_seconds)
{
    int64_t ahead_ms = 0;
    const struct vp_clock clock = { now_s, later_ms, &ahead_ms };
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "role/short", "{\"token_type\":\"batch\"}"), &mount.err);
    char *batch = strdup(fake_storage_peek(mount.storage, "role/short"));
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "role/short", "{\"token_type\":\"service\"}"), &mount.err);
    char *service = strdup(fake_storage_peek(mount.storage, "role/short"));
    fake_storage_plant(mount.storage, "role/short", batch);
    ((struct mount_shared *)mount.shared)->clock = &clock;
    mount.standby = true;
    EXPECT_FAIL(VP_REASON_TOKEN_MALFORMED, login_by_short(), &mount.err); /* it serves batch roles itself */
    fake_storage_plant(mount.storage, "role/short", service);

    EXPECT_FAIL(VP_REASON_TOKEN_MALFORMED, login_by_short(), &mount.err); /* remembered */
    ahead_ms = 10000;
    expect_forwarded(login_by_short());

    /* The active node makes all changes itself, and remembers until then. */
    mount.standby = false;
    fake_storage_plant(mount.storage, "role/short", batch);
    ahead_ms = 100000;
    unsigned reads = fake_storage_count(mount.storage, FAKE_GET);
    EXPECT_FAIL(VP_REASON_TOKEN_MALFORMED, login_by_short(), &mount.err);
    EXPECT_INT(reads, fake_storage_count(mount.storage, FAKE_GET));
    ((struct mount_shared *)mount.shared)->clock = &VP_CLOCK_SYSTEM;
    free(batch);
    free(service);
}

TEST(a_record_of_an_older_version_has_the_presets_of_what_that_version_did_not_know)
{
    fake_storage_plant(mount.storage, "config", "{\"record_version\":1,\"config\":{" GOOD "}}");
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_READ, "config", NULL), &mount.err);
    EXPECT_CONTAINS("\"cache_ttl\":10,", vp_buf_text(&mount.reply.data));
    EXPECT_CONTAINS("\"prefixes_by_owner\":{}", vp_buf_text(&mount.reply.data));
    EXPECT_CONTAINS("\"group_alias_uuids\":[]", vp_buf_text(&mount.reply.data));
    fake_storage_plant(mount.storage, "role/old", "{\"record_version\":1,\"role\":{\"token_ttl\":60}}");
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_READ, "role/old", NULL), &mount.err);
    EXPECT_CONTAINS("\"token_ttl\":60", vp_buf_text(&mount.reply.data));
    EXPECT_CONTAINS("\"bound_group_uuids\":[]", vp_buf_text(&mount.reply.data));
}

TEST(a_mount_that_has_roles_refuses_logins_without_one)
{
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    fake_storage_plant(mount.storage, "role/ci", "{}");
    mount.backend->invalidate(mount.mount, "role/ci");

    EXPECT_FAIL(VP_REASON_ROLE_REQUIRED, fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" TOKEN "\"}"),
                &mount.err);
}

TEST(the_config_is_read_from_storage_once_until_it_changes)
{
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    unsigned before = fake_storage_count(mount.storage, FAKE_GET);
    for (int i = 0; i < 3; i++)
        EXPECT_FAIL(VP_REASON_TOKEN_MALFORMED, fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"x\"}"),
                    &mount.err);
    EXPECT_INT(before + 1, fake_storage_count(mount.storage, FAKE_GET));

    mount.backend->invalidate(mount.mount, "config");
    EXPECT_FAIL(VP_REASON_TOKEN_MALFORMED, fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"x\"}"),
                &mount.err);
    EXPECT_INT(before + 2, fake_storage_count(mount.storage, FAKE_GET));
}

TEST(an_unconfigured_mount_reads_as_nothing_and_refuses_logins)
{
    EXPECT_FAIL(VP_REASON_NOT_FOUND, fake_mount_call(&mount, LOGICAL_READ, "config", NULL), &mount.err);
    EXPECT_FAIL(VP_REASON_NOT_CONFIGURED, fake_mount_call(&mount, LOGICAL_UPDATE, "login", "{\"token\":\"" TOKEN "\"}"),
                &mount.err);
}

TEST(the_role_a_login_names_is_told_without_asking_anybody)
{
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_RESOLVE_ROLE, "login", "{\"role\":\"ci\",\"token\":\"x\"}"), &mount.err);
    EXPECT_TEXT("{\"role\":\"ci\"}", vp_buf_text(&mount.reply.data));
    EXPECT_INT(0, fake_storage_count(mount.storage, FAKE_GET));
    EXPECT_FAIL(VP_REASON_NOT_CONFIGURED, fake_mount_call(&mount, LOGICAL_RESOLVE_ROLE, "login", NULL), &mount.err);
}

TEST(a_role_that_cannot_exist_is_not_passed_on)
{
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_RESOLVE_ROLE, "login", "{\"role\":\"" TOKEN "\"}"), &mount.err);
    EXPECT_TEXT("{\"role\":\"\"}", vp_buf_text(&mount.reply.data));
}

/* Else a quota on the role would not apply to a login that names none. */
TEST(a_login_without_a_role_is_counted_for_the_default_role)
{
    static const char *const BODIES[] = { NULL, "{\"token\":\"x\"}", "{\"role\":null}", "{\"role\":\"\"}" };
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_RESOLVE_ROLE, "login", NULL), &mount.err);
    EXPECT_TEXT("{\"role\":\"\"}", vp_buf_text(&mount.reply.data));
    EXPECT_OK(write_config("{\"default_role\":\"everybody\"}"), &mount.err);
    for (size_t i = 0; i < sizeof BODIES / sizeof BODIES[0]; i++) {
        EXPECT_OK(fake_mount_call(&mount, LOGICAL_RESOLVE_ROLE, "login", BODIES[i]), &mount.err);
        EXPECT_TEXT("{\"role\":\"everybody\"}", vp_buf_text(&mount.reply.data));
    }
}

TEST(a_renewal_of_what_is_not_ours_is_refused)
{
    EXPECT_OK(write_config("{" GOOD "}"), &mount.err);
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, fake_mount_renew(&mount, NULL, "arvados-read", 10), &mount.err);
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, fake_mount_renew(&mount, "{}", "arvados-read", 10), &mount.err);
    EXPECT_FAIL(VP_REASON_SERVICE_TOKEN_MISSING,
                fake_mount_renew(&mount,
                                 "{\"login_kind\":\"container\",\"user_uuid\":\"zzzzz-tpzed-xurymjxw79nv3jz\","
                                 "\"container_uuid\":\"zzzzz-dz642-runningcontainr\","
                                 "\"token_uuid\":\"zzzzz-gj3su-077z32aux8dg2s2\"}",
                                 "arvados-read", 10),
                &mount.err);
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(the_presets_of_the_table_are_all_readable),
        FRESH(a_record_is_seal_wrapped_and_read_back_by_a_new_mount),
        FRESH(a_service_token_is_stored_without_the_blanks_of_a_paste),
        FRESH(a_refused_write_stores_nothing_and_changes_nothing),
        FRESH(what_could_not_be_read_again_is_not_stored),
        FRESH(records_that_can_not_be_read_as_they_were_meant_refuse),
        FRESH(a_record_that_breaks_the_rules_of_this_version_serves_no_login),
        FRESH(the_words_of_the_hosts_storage_pass_unchanged),
        FRESH(a_stranger_hears_nothing_of_the_hosts_words_but_those_that_forward_a_login),
        FRESH(after_a_write_that_failed_the_config_is_read_anew_since_it_may_still_land),
        FRESH(a_write_that_went_well_does_not_end_the_distrust_of_an_earlier_one),
        FRESH(a_token_in_the_wrong_field_is_not_quoted),
        FRESH(a_put_that_failed_leaves_no_picture_of_the_new_config),
        FRESH(a_standby_sends_logins_and_renewals_on_and_asks_nobody),
        FRESH(a_standby_sends_writes_on_before_anything_else),
        FRESH(a_change_that_a_standby_was_not_told_of_counts_there_after_ten_seconds),
        FRESH(a_record_of_an_older_version_has_the_presets_of_what_that_version_did_not_know),
        FRESH(a_mount_that_has_roles_refuses_logins_without_one),
        FRESH(the_config_is_read_from_storage_once_until_it_changes),
        FRESH(an_unconfigured_mount_reads_as_nothing_and_refuses_logins),
        FRESH(the_role_a_login_names_is_told_without_asking_anybody),
        FRESH(a_role_that_cannot_exist_is_not_passed_on),
        FRESH(a_login_without_a_role_is_counted_for_the_default_role),
        FRESH(a_renewal_of_what_is_not_ours_is_refused),
    };
    return cmocka_run_group_tests_name("auth_config", cases, NULL, NULL);
}
