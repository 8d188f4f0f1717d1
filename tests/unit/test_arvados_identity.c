/* Container, user and token: each field of each record missing, null and of every wrong type; looking up by uuid. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/arvados.h"
#include "vp/clock.h"

#include "check.h"
#include "fake_cluster.h"

#define LEN(rows) (sizeof(rows) / sizeof(rows)[0])
#define CURRENT_CONTAINER "/arvados/v1/containers/current"
#define CURRENT_USER "/arvados/v1/users/current"
#define CURRENT_TOKEN "/arvados/v1/api_client_authorizations/current"
#define CONTAINERS "/arvados/v1/containers?"
#define USERS "/arvados/v1/users?"

#define CONTAINER_UUID "zzzzz-dz642-runningcontainr"
#define USER_UUID "zzzzz-tpzed-xurymjxw79nv3jz"
#define TOKEN_UUID "zzzzz-gj3su-077z32aux8dg2s2"
#define IMAGE "0123456789abcdef0123456789abcdef+187"

enum record { CONTAINER, USER, TOKEN, N_RECORDS };
enum kind { TEXT, TIME, BOOLEAN, TEXTS };

static const struct field {
    enum record record;
    const char *name, *good;
    enum kind kind;
    bool nullable; /* null, and for texts and times "" */
} FIELDS[] = {
    { CONTAINER, "uuid", "\"" CONTAINER_UUID "\"", TEXT, false },
    { CONTAINER, "state", "\"Running\"", TEXT, false },
    { CONTAINER, "auth_uuid", "\"" TOKEN_UUID "\"", TEXT, true },
    { CONTAINER, "runtime_user_uuid", "\"" USER_UUID "\"", TEXT, true },
    { CONTAINER, "container_image", "\"" IMAGE "\"", TEXT, true },
    { CONTAINER, "started_at", "\"2026-11-22T03:59:11.000000000Z\"", TIME, true },
    { CONTAINER, "interactive_session_started", "false", BOOLEAN, false },
    { USER, "uuid", "\"" USER_UUID "\"", TEXT, false },
    { USER, "username", "\"active\"", TEXT, true },
    { USER, "is_active", "true", BOOLEAN, false },
    { USER, "is_admin", "false", BOOLEAN, false },
    { TOKEN, "uuid", "\"" TOKEN_UUID "\"", TEXT, false },
    { TOKEN, "owner_uuid", "\"" USER_UUID "\"", TEXT, false },
    { TOKEN, "scopes", "[\"all\"]", TEXTS, false },
    { TOKEN, "expires_at", "\"2030-01-02T03:04:05.678900000Z\"", TIME, true },
};

static const char *const CURRENT[] = { CURRENT_CONTAINER, CURRENT_USER, CURRENT_TOKEN };

static struct fake_cluster cluster;

static int set_up(void **state)
{
    (void)state;
    return fake_cluster_init(&cluster, "v2/t") ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fake_cluster_clear(&cluster);
    return 0;
}

/* A good record but for this value in this field; value NULL: without the field; field NULL: all good. */
static void add_record(struct vp_buf *body, enum record record, const char *field, const char *value)
{
    const char *separator = "";
    vp_buf_add_text(body, "{");
    for (size_t i = 0; i < LEN(FIELDS); i++) {
        if (FIELDS[i].record != record)
            continue;
        const char *text = field != NULL && strcmp(FIELDS[i].name, field) == 0 ? value : FIELDS[i].good;
        if (text == NULL)
            continue;
        vp_buf_add_format(body, "%s\"%s\":%s", separator, FIELDS[i].name, text);
        separator = ",";
    }
    vp_buf_add_format(body, "%s\"kind\":\"x\",\"more\":{\"a\":[null,1.5,\"\"]}}", separator);
}

static void script(enum record changed, const char *field, const char *value)
{
    fake_server_forget(cluster.server);
    for (int record = 0; record < N_RECORDS; record++) {
        struct vp_buf body = VP_BUF_INIT(65536);
        add_record(&body, (enum record)record, (enum record)record == changed ? field : NULL, value);
        fake_server_answer(cluster.server, CURRENT[record], 200, vp_buf_text(&body));
        vp_buf_clear(&body);
    }
}

static enum vp_code identify(struct arv_identity *identity, struct vp_error *err)
{
    struct arv_credentials who = fake_cluster_credentials(&cluster, false);
    return arv_identify(cluster.client, &who, ARV_CONTAINER_TOKEN, identity, err);
}

static void expect_refused(enum record record, const char *field, const char *value)
{
    struct vp_error err = { 0 };
    struct arv_identity identity = { 0 };
    script(record, field, value);
    if (identify(&identity, &err) == VP_OK)
        fail_msg("%s as %s was taken", field, value == NULL ? "missing" : value);
    if (err.reason != VP_REASON_UPSTREAM_BAD_ANSWER)
        fail_msg("%s as %s: %s", field, value, vp_reason_word(err.reason));
    EXPECT_CONTAINS(field, err.detail);
    EXPECT_NULL(identity.container.document);
    EXPECT_NULL(identity.user.document);
    EXPECT_NULL(identity.token.document);
}

static void expect_taken(enum record record, const char *field, const char *value, struct arv_identity *identity)
{
    struct vp_error err = { 0 };
    script(record, field, value);
    if (identify(identity, &err) != VP_OK)
        fail_msg("%s as %s: %s (%s)", field, value, err.message, err.detail);
}

TEST(three_good_records_are_read_whole)
{
    struct arv_identity identity = { 0 };
    expect_taken(N_RECORDS, "", NULL, &identity);

    EXPECT_TEXT(CONTAINER_UUID, identity.container.uuid);
    EXPECT_TEXT("Running", identity.container.state);
    EXPECT_TEXT(TOKEN_UUID, identity.container.auth_uuid);
    EXPECT_TEXT(USER_UUID, identity.container.runtime_user_uuid);
    EXPECT_TEXT(IMAGE, identity.container.container_image);
    EXPECT_INT(1795319951, identity.container.started_at_s);
    EXPECT(!identity.container.interactive_session_started);
    EXPECT_TEXT(USER_UUID, identity.user.uuid);
    EXPECT_TEXT("active", identity.user.username);
    EXPECT(identity.user.is_active);
    EXPECT(!identity.user.is_admin);
    EXPECT_TEXT(TOKEN_UUID, identity.token.uuid);
    EXPECT_TEXT(USER_UUID, identity.token.owner_uuid);
    EXPECT_INT(1, vp_json_len(identity.token.scopes));
    EXPECT_TEXT("all", vp_json_text(vp_json_at(identity.token.scopes, 0)));
    EXPECT_INT(1893553445, identity.token.expires_at_s);
    arv_identity_clear(&identity);
    EXPECT_NULL(identity.container.uuid);
    arv_identity_clear(&identity);
}

TEST(each_question_is_asked_once_with_the_token_and_selects_no_secret)
{
    struct arv_identity identity = { 0 };
    expect_taken(N_RECORDS, "", NULL, &identity);
    arv_identity_clear(&identity);
    for (size_t i = 0; i < LEN(CURRENT); i++) {
        const char *head = fake_server_last(cluster.server, CURRENT[i]);
        EXPECT_INT(1, fake_server_count(cluster.server, CURRENT[i]));
        EXPECT_CONTAINS("\r\nAuthorization: Bearer v2/t\r\n", head);
        EXPECT_CONTAINS("\r\nX-Request-Id: req-1\r\n", head);
        EXPECT_CONTAINS("?select=%5B%22uuid%22", head);
        EXPECT_LACKS("api_token", head);
    }
    EXPECT_INT(3, fake_server_count(cluster.server, "/"));
}

TEST(each_field_that_is_missing_or_of_another_type_is_refused_and_named)
{
    static const char *const NEVER[] = {
        NULL, "0", "1", "-1.5", "1e3", "{}", "{\"a\":1}", "[1]", "[[\"x\"]]", "[null]"
    };
    static const char *const NO_TEXT[] = { "true", "false", "[]", "[\"x\"]" };
    static const char *const NO_TIME[] = { "\"x\"",
                                           "\"2026-11-22\"",
                                           "\"2026-13-22T03:59:11Z\"",
                                           "\"2026-11-22T03:59:11\"",
                                           "\"now\"",
                                           "\" 2026-11-22T03:59:11Z\"",
                                           "\"9999999999\"" };
    static const char *const NO_BOOLEAN[] = { "null", "\"\"", "\"true\"", "\"false\"", "[]", "[true]" };
    static const char *const NO_TEXTS[] = { "null", "\"\"", "\"all\"", "true", "[\"all\",1]", "[\"all\",null]" };
    static const struct {
        const char *const *values;
        size_t n;
    } BY_KIND[] = {
        [TEXT] = { NO_TEXT, LEN(NO_TEXT) },
        [TIME] = { NO_TIME, LEN(NO_TIME) },
        [BOOLEAN] = { NO_BOOLEAN, LEN(NO_BOOLEAN) },
        [TEXTS] = { NO_TEXTS, LEN(NO_TEXTS) },
    };
    for (size_t i = 0; i < LEN(FIELDS); i++) {
        for (size_t n = 0; n < LEN(NEVER); n++)
            expect_refused(FIELDS[i].record, FIELDS[i].name, NEVER[n]);
        for (size_t n = 0; n < BY_KIND[FIELDS[i].kind].n; n++)
            expect_refused(FIELDS[i].record, FIELDS[i].name, BY_KIND[FIELDS[i].kind].values[n]);
        if (!FIELDS[i].nullable) {
            expect_refused(FIELDS[i].record, FIELDS[i].name, "null");
            expect_refused(FIELDS[i].record, FIELDS[i].name, "\"\"");
        }
    }
}

static void expect_none(const struct arv_identity *identity, const char *field)
{
    const struct {
        const char *name, *value;
    } texts[] = { { "auth_uuid", identity->container.auth_uuid },
                  { "runtime_user_uuid", identity->container.runtime_user_uuid },
                  { "container_image", identity->container.container_image },
                  { "username", identity->user.username } };
    const struct {
        const char *name;
        int64_t value;
    } times[] = { { "started_at", identity->container.started_at_s }, { "expires_at", identity->token.expires_at_s } };
    for (size_t i = 0; i < LEN(texts); i++)
        if (strcmp(texts[i].name, field) == 0)
            EXPECT_NULL(texts[i].value);
        else
            assert_non_null(texts[i].value);
    for (size_t i = 0; i < LEN(times); i++)
        EXPECT((strcmp(times[i].name, field) == 0) == (times[i].value == VP_TIME_NONE));
}

TEST(null_and_empty_mean_the_same_where_nothing_is_allowed)
{
    static const char *const NULLS[] = { "null", "\"\"" };
    for (size_t i = 0; i < LEN(FIELDS); i++)
        for (size_t n = 0; FIELDS[i].nullable && n < LEN(NULLS); n++) {
            struct arv_identity identity = { 0 };
            expect_taken(FIELDS[i].record, FIELDS[i].name, NULLS[n], &identity);
            expect_none(&identity, FIELDS[i].name);
            arv_identity_clear(&identity);
        }
}

TEST(a_uuid_of_another_kind_or_form_is_refused_and_named)
{
    static const struct {
        enum record record;
        const char *field, *infix;
    } ROWS[] = {
        { CONTAINER, "uuid", "dz642" },
        { CONTAINER, "auth_uuid", "gj3su" },
        { CONTAINER, "runtime_user_uuid", "tpzed" },
        { USER, "uuid", "tpzed" },
        { TOKEN, "uuid", "gj3su" },
        { TOKEN, "owner_uuid", "tpzed" },
    };
    static const char *const INFIXES[] = { "dz642", "gj3su", "tpzed", "j7d0g", "4zz18", "xvhdp", "TPZED" };
    static const char *const NEVER[] = {
        "\"x\"",
        "\"zzzzz\"",
        "\"../../..\"",
        "\"zzzzz-%s-abcdefghijklmn\"",
        "\"zzzzz-%s-abcdefghijklmnop\"",
        "\"ZZZZZ-%s-abcdefghijklmno\"",
        "\"zzzzz-%s-Abcdefghijklmno\"",
        "\"zzzzz-%s-abcdefghijklmn\\n\"",
        "\"zzzzz-%s-abcdefghijklm\\u00e9\"",
        "\" zzzzz-%s-abcdefghijklmn\"",
        "\"zzzzz-%s-abcdefghijklmn*\"",
        "\"zzzzz-%s-{{identity}}xyz\"",
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        char value[128];
        for (size_t n = 0; n < LEN(INFIXES); n++) {
            (void)snprintf(value, sizeof value, "\"zzzzz-%s-abcdefghijklmno\"", INFIXES[n]);
            if (strcmp(INFIXES[n], ROWS[i].infix) != 0) {
                expect_refused(ROWS[i].record, ROWS[i].field, value);
                continue;
            }
            struct arv_identity identity = { 0 };
            expect_taken(ROWS[i].record, ROWS[i].field, value, &identity);
            arv_identity_clear(&identity);
        }
        for (size_t n = 0; n < LEN(NEVER); n++) {
            const char *mark = strstr(NEVER[n], "%s");
            if (mark == NULL)
                (void)snprintf(value, sizeof value, "%s", NEVER[n]);
            else
                (void)snprintf(value, sizeof value, "%.*s%s%s", (int)(mark - NEVER[n]), NEVER[n], ROWS[i].infix,
                               mark + 2);
            expect_refused(ROWS[i].record, ROWS[i].field, value);
        }
    }
}

TEST(no_text_holds_a_nul)
{
    for (size_t i = 0; i < LEN(FIELDS); i++) {
        struct vp_error err = { 0 };
        struct arv_identity identity = { 0 };
        script(FIELDS[i].record, FIELDS[i].name, "\"x\\u0000\"");
        EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, identify(&identity, &err), &err);
    }
}

TEST(an_image_that_is_no_hash_counts_as_none)
{
    static const char *const IMAGES[] = { "\"test\"",
                                          "\"arvados/jobs:latest\"",
                                          "\"zzzzz-4zz18-abcdefghijklmno\"",
                                          "\"0123456789abcdef0123456789abcdef\"",
                                          "\"0123456789ABCDEF0123456789ABCDEF+1\"",
                                          "\"" IMAGE "+Axyz\"",
                                          "\" " IMAGE "\"" };
    for (size_t i = 0; i < LEN(IMAGES); i++) {
        struct arv_identity identity = { 0 };
        expect_taken(CONTAINER, "container_image", IMAGES[i], &identity);
        EXPECT_NULL(identity.container.container_image);
        arv_identity_clear(&identity);
    }
}

TEST(texts_have_a_longest_length)
{
    char value[5000];
    struct arv_identity identity = { 0 };
    expect_taken(CONTAINER, "state", "\"0123456789abcdef\"", &identity);
    arv_identity_clear(&identity);
    expect_refused(CONTAINER, "state", "\"0123456789abcdefg\"");
    (void)snprintf(value, sizeof value, "\"%0255d\"", 0);
    expect_taken(USER, "username", value, &identity);
    arv_identity_clear(&identity);
    (void)snprintf(value, sizeof value, "\"%0256d\"", 0);
    expect_refused(USER, "username", value);
    (void)snprintf(value, sizeof value, "\"%04097d\"", 0);
    expect_refused(CONTAINER, "container_image", value);
}

TEST(nothing_is_cross_checked_here)
{
    struct arv_identity identity = { 0 };
    expect_taken(TOKEN, "owner_uuid", "\"zzzzz-tpzed-000000000000000\"", &identity);
    arv_identity_clear(&identity);
    expect_taken(USER, "uuid", "\"aaaaa-tpzed-abcdefghijklmno\"", &identity);
    arv_identity_clear(&identity);
    expect_taken(CONTAINER, "state", "\"Complete\"", &identity);
    arv_identity_clear(&identity);
    expect_taken(TOKEN, "scopes", "[]", &identity);
    EXPECT_INT(0, vp_json_len(identity.token.scopes));
    arv_identity_clear(&identity);
}

TEST(the_token_alone_is_read_as_well)
{
    struct vp_error err = { 0 };
    struct arv_token got = { 0 };
    struct arv_credentials who = fake_cluster_credentials(&cluster, true);
    script(N_RECORDS, "", NULL);
    EXPECT_OK(arv_token_current(cluster.client, &who, &got, &err), &err);
    EXPECT_TEXT(TOKEN_UUID, got.uuid);
    EXPECT_TEXT(USER_UUID, got.owner_uuid);
    EXPECT_INT(1, fake_server_count(cluster.server, "/"));
    arv_token_clear(&got);
    EXPECT_NULL(got.uuid);
    script(TOKEN, "owner_uuid", "\"zzzzz-j7d0g-abcdefghijklmno\"");
    EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, arv_token_current(cluster.client, &who, &got, &err), &err);
    EXPECT_NULL(got.document);
}

/* ---- looking up ---- */

/* A list of the record, `n` times. */
static void script_list(const char *target, enum record record, unsigned n, const char *field, const char *value)
{
    struct vp_buf body = VP_BUF_INIT(65536);
    vp_buf_add_text(&body, "{\"kind\":\"x\",\"limit\":2,\"items\":[");
    for (unsigned i = 0; i < n; i++) {
        vp_buf_add_text(&body, i == 0 ? "" : ",");
        add_record(&body, record, field, value);
    }
    vp_buf_add_text(&body, "]}");
    fake_server_answer(cluster.server, target, 200, vp_buf_text(&body));
    vp_buf_clear(&body);
}

static enum vp_code look_up(struct arv_identity *identity, struct vp_error *err)
{
    struct arv_credentials who = fake_cluster_credentials(&cluster, true);
    return arv_look_up(cluster.client, &who, CONTAINER_UUID, USER_UUID, identity, err);
}

TEST(a_container_and_a_user_are_looked_up_by_uuid)
{
    static const struct {
        unsigned n_containers, n_users;
        enum vp_reason reason; /* NONE: found */
    } ROWS[] = {
        { 1, 1, VP_REASON_NONE },
        { 0, 1, VP_REASON_CONTAINER_NOT_RUNNING },
        { 1, 0, VP_REASON_USER_INACTIVE },
        { 0, 0, VP_REASON_CONTAINER_NOT_RUNNING },
        { 2, 1, VP_REASON_UPSTREAM_BAD_ANSWER },
        { 1, 2, VP_REASON_UPSTREAM_BAD_ANSWER },
        { 0, 2, VP_REASON_UPSTREAM_BAD_ANSWER },
        { 2, 0, VP_REASON_UPSTREAM_BAD_ANSWER },
        { 3, 3, VP_REASON_UPSTREAM_BAD_ANSWER },
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        struct arv_identity identity = { 0 };
        fake_server_forget(cluster.server);
        script_list(CONTAINERS, CONTAINER, ROWS[i].n_containers, NULL, NULL);
        script_list(USERS, USER, ROWS[i].n_users, NULL, NULL);
        if (ROWS[i].reason != VP_REASON_NONE) {
            EXPECT_FAIL(ROWS[i].reason, look_up(&identity, &err), &err);
            EXPECT_NULL(identity.container.document);
            EXPECT_NULL(identity.user.document);
            continue;
        }
        EXPECT_OK(look_up(&identity, &err), &err);
        EXPECT_TEXT(CONTAINER_UUID, identity.container.uuid);
        EXPECT_TEXT(USER_UUID, identity.user.uuid);
        EXPECT(identity.user.is_active);
        EXPECT_NULL(identity.token.document);
        arv_identity_clear(&identity);
        EXPECT_CONTAINS("?filters=%5B%5B%22uuid%22%2C%22%3D%22%2C%22" CONTAINER_UUID "%22%5D%5D&",
                        fake_server_last(cluster.server, CONTAINERS));
        EXPECT_CONTAINS("?filters=%5B%5B%22uuid%22%2C%22%3D%22%2C%22" USER_UUID "%22%5D%5D&",
                        fake_server_last(cluster.server, USERS));
        EXPECT_CONTAINS("&bypass_federation=true ", fake_server_last(cluster.server, USERS));
    }
}

TEST(another_record_than_asked_for_is_refused)
{
    static const struct {
        enum record record;
        const char *value;
    } ROWS[] = {
        { CONTAINER, "\"zzzzz-dz642-abcdefghijklmno\"" },
        { CONTAINER, "\"aaaaa-dz642-runningcontainr\"" },
        { CONTAINER, "\"" USER_UUID "\"" },
        { USER, "\"zzzzz-tpzed-000000000000000\"" },
        { USER, "\"aaaaa-tpzed-xurymjxw79nv3jz\"" },
        { USER, "\"" CONTAINER_UUID "\"" },
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        struct arv_identity identity = { 0 };
        bool of_user = ROWS[i].record == USER;
        fake_server_forget(cluster.server);
        script_list(CONTAINERS, CONTAINER, 1, of_user ? NULL : "uuid", ROWS[i].value);
        script_list(USERS, USER, 1, of_user ? "uuid" : NULL, ROWS[i].value);
        EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, look_up(&identity, &err), &err);
        EXPECT_NULL(identity.container.document);
    }
}

TEST(looked_up_records_are_checked_like_all_others)
{
    static const char *const VALUES[] = { NULL, "1", "{}", "\"x\\n\"", "[\"x\"]" };
    for (size_t i = 0; i < LEN(FIELDS); i++)
        for (size_t n = 0; n < LEN(VALUES); n++) {
            struct vp_error err = { 0 };
            struct arv_identity identity = { 0 };
            bool of_user = FIELDS[i].record == USER;
            bool free_text =
                n == 3 && (strcmp(FIELDS[i].name, "username") == 0 || strcmp(FIELDS[i].name, "state") == 0 ||
                           strcmp(FIELDS[i].name, "container_image") == 0);
            if (FIELDS[i].record == TOKEN || free_text)
                continue;
            fake_server_forget(cluster.server);
            script_list(CONTAINERS, CONTAINER, 1, of_user ? NULL : FIELDS[i].name, VALUES[n]);
            script_list(USERS, USER, 1, of_user ? FIELDS[i].name : NULL, VALUES[n]);
            EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, look_up(&identity, &err), &err);
            EXPECT_CONTAINS(FIELDS[i].name, err.detail);
        }
}

TEST(a_list_of_another_shape_is_refused)
{
    static const char *const BODIES[] = { "{}",
                                          "[]",
                                          "null",
                                          "{\"items\":null}",
                                          "{\"items\":{}}",
                                          "{\"items\":\"\"}",
                                          "{\"items\":[null]}",
                                          "{\"items\":[[]]}",
                                          "{\"items\":[1]}",
                                          "{\"items\":[],\"items\":[]}" };
    for (size_t i = 0; i < LEN(BODIES); i++)
        for (int of_user = 0; of_user < 2; of_user++) {
            struct vp_error err = { 0 };
            struct arv_identity identity = { 0 };
            fake_server_forget(cluster.server);
            if (of_user == 1) {
                script_list(CONTAINERS, CONTAINER, 1, NULL, NULL);
                fake_server_answer(cluster.server, USERS, 200, BODIES[i]);
            } else {
                fake_server_answer(cluster.server, CONTAINERS, 200, BODIES[i]);
                script_list(USERS, USER, 1, NULL, NULL);
            }
            EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, look_up(&identity, &err), &err);
        }
}

#define WITH_SERVER(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        WITH_SERVER(three_good_records_are_read_whole),
        WITH_SERVER(each_question_is_asked_once_with_the_token_and_selects_no_secret),
        WITH_SERVER(each_field_that_is_missing_or_of_another_type_is_refused_and_named),
        WITH_SERVER(null_and_empty_mean_the_same_where_nothing_is_allowed),
        WITH_SERVER(a_uuid_of_another_kind_or_form_is_refused_and_named),
        WITH_SERVER(no_text_holds_a_nul),
        WITH_SERVER(an_image_that_is_no_hash_counts_as_none),
        WITH_SERVER(texts_have_a_longest_length),
        WITH_SERVER(nothing_is_cross_checked_here),
        WITH_SERVER(the_token_alone_is_read_as_well),
        WITH_SERVER(a_container_and_a_user_are_looked_up_by_uuid),
        WITH_SERVER(another_record_than_asked_for_is_refused),
        WITH_SERVER(looked_up_records_are_checked_like_all_others),
        WITH_SERVER(a_list_of_another_shape_is_refused),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
