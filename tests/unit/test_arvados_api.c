/* What a status means, which of several failures is told, and the discovery document. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/arvados.h"
#include "vp/clock.h"

#include "check.h"
#include "fake_cluster.h"

#define LEN(rows) (sizeof(rows) / sizeof(rows)[0])
#define TOKEN_TEXT "v2/zzzzz-gj3su-077z32aux8dg2s2/0123456789abcdefghij"

#define CONTAINERS "/arvados/v1/containers/current"
#define USERS "/arvados/v1/users/current"
#define TOKENS "/arvados/v1/api_client_authorizations/current"
#define DISCOVERY "/discovery/v1/apis/arvados/v1/rest"

#define CONTAINER                                                                         \
    "{\"uuid\":\"zzzzz-dz642-runningcontainr\",\"state\":\"Running\",\"auth_uuid\":null," \
    "\"runtime_user_uuid\":null,\"container_image\":null,\"started_at\":null,\"interactive_session_started\":false}"
#define USER "{\"uuid\":\"zzzzz-tpzed-xurymjxw79nv3jz\",\"username\":\"active\",\"is_active\":true,\"is_admin\":false}"
#define TOKEN                                                                                                        \
    "{\"uuid\":\"zzzzz-gj3su-077z32aux8dg2s2\",\"owner_uuid\":\"zzzzz-tpzed-xurymjxw79nv3jz\",\"scopes\":[\"all\"]," \
    "\"expires_at\":null}"
#define ERRORS "{\"errors\":[\"geheim\"]}"

static struct fake_cluster cluster;

static int set_up(void **state)
{
    (void)state;
    return fake_cluster_init(&cluster, TOKEN_TEXT) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fake_cluster_clear(&cluster);
    return 0;
}

/* ---- statuses ---- */

static const struct {
    int status;
    const char *body;
    enum vp_reason caller, service;
} STATUSES[] = {
    { 401, ERRORS, VP_REASON_TOKEN_REJECTED, VP_REASON_SERVICE_TOKEN },
    { 401, "", VP_REASON_TOKEN_REJECTED, VP_REASON_SERVICE_TOKEN },
    { 403, ERRORS, VP_REASON_TOKEN_SCOPE, VP_REASON_SERVICE_TOKEN },
    { 404, ERRORS, VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 400, ERRORS, VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 405, ERRORS, VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 406, "", VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 414, "<html>", VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 422, ERRORS, VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 499, "", VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 201, TOKEN, VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 204, "", VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 206, TOKEN, VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 301, "", VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 302, "", VP_REASON_UPSTREAM_BAD_ANSWER, VP_REASON_UPSTREAM_BAD_ANSWER },
    { 429, "", VP_REASON_UPSTREAM_BUSY, VP_REASON_UPSTREAM_BUSY },
    { 429, ERRORS, VP_REASON_UPSTREAM_BUSY, VP_REASON_UPSTREAM_BUSY },
    { 503, "", VP_REASON_UPSTREAM_BUSY, VP_REASON_UPSTREAM_BUSY },
    { 503, ERRORS, VP_REASON_UPSTREAM_ERROR, VP_REASON_UPSTREAM_ERROR },
    { 500, "", VP_REASON_UPSTREAM_ERROR, VP_REASON_UPSTREAM_ERROR },
    { 500, ERRORS, VP_REASON_UPSTREAM_ERROR, VP_REASON_UPSTREAM_ERROR },
    { 502, "<html>", VP_REASON_UPSTREAM_ERROR, VP_REASON_UPSTREAM_ERROR },
    { 504, TOKEN, VP_REASON_UPSTREAM_ERROR, VP_REASON_UPSTREAM_ERROR },
    { 599, "", VP_REASON_UPSTREAM_ERROR, VP_REASON_UPSTREAM_ERROR },
};

TEST(each_status_has_its_meaning_for_a_callers_token_and_for_the_service_token)
{
    for (size_t i = 0; i < LEN(STATUSES); i++)
        for (int service = 0; service < 2; service++) {
            struct vp_error err = { 0 };
            struct arv_token got = { 0 };
            struct arv_credentials who = fake_cluster_credentials(&cluster, service == 1);
            char status[32];
            fake_server_forget(cluster.server);
            fake_server_answer(cluster.server, TOKENS, STATUSES[i].status, STATUSES[i].body);

            EXPECT_FAIL(service == 1 ? STATUSES[i].service : STATUSES[i].caller,
                        arv_token_current(cluster.client, &who, &got, &err), &err);

            EXPECT_NULL(got.document);
            EXPECT_LACKS("geheim", err.message);
            EXPECT_LACKS("geheim", err.detail);
            EXPECT_LACKS("0123456789", err.detail);
            (void)snprintf(status, sizeof status, "status %d", STATUSES[i].status);
            if (STATUSES[i].status < 300 || STATUSES[i].status >= 400)
                EXPECT_CONTAINS(status, err.detail);
            EXPECT_CONTAINS("api_client_authorizations/current", err.detail);
        }
}

TEST(only_the_question_for_the_container_knows_what_a_404_means)
{
    struct vp_error err = { 0 };
    struct arv_identity identity = { 0 };
    struct arv_credentials who = fake_cluster_credentials(&cluster, false);
    fake_server_answer(cluster.server, CONTAINERS, 404, ERRORS);
    fake_server_answer(cluster.server, USERS, 200, USER);
    fake_server_answer(cluster.server, TOKENS, 200, TOKEN);
    EXPECT_FAIL(VP_REASON_NOT_CONTAINER_TOKEN, arv_identify(cluster.client, &who, ARV_CONTAINER_TOKEN, &identity, &err),
                &err);
    fake_server_forget(cluster.server);
    fake_server_answer(cluster.server, CONTAINERS, 200, CONTAINER);
    fake_server_answer(cluster.server, USERS, 404, ERRORS);
    fake_server_answer(cluster.server, TOKENS, 200, TOKEN);
    EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, arv_identify(cluster.client, &who, ARV_CONTAINER_TOKEN, &identity, &err),
                &err);
    EXPECT_NULL(identity.container.document);
}

TEST(an_outage_is_told_after_the_retries_and_a_denial_without_any)
{
    struct arv_client *patient = fake_cluster_client(&cluster, 2);
    struct vp_error err = { 0 };
    struct arv_token got = { 0 };
    struct arv_credentials who = fake_cluster_credentials(&cluster, false);
    fake_server_answer(cluster.server, TOKENS, 503, "");
    EXPECT_FAIL(VP_REASON_UPSTREAM_BUSY, arv_token_current(patient, &who, &got, &err), &err);
    EXPECT_INT(3, fake_server_count(cluster.server, TOKENS));
    fake_server_forget(cluster.server);
    fake_server_answer(cluster.server, TOKENS, 401, ERRORS);
    EXPECT_FAIL(VP_REASON_TOKEN_REJECTED, arv_token_current(patient, &who, &got, &err), &err);
    EXPECT_INT(1, fake_server_count(cluster.server, TOKENS));
    fake_server_forget(cluster.server);
    fake_server_answer(cluster.server, TOKENS, 502, "<html>");
    fake_server_answer(cluster.server, TOKENS, 200, TOKEN);
    EXPECT_OK(arv_token_current(patient, &who, &got, &err), &err);
    EXPECT_INT(2, fake_server_count(cluster.server, TOKENS));
    arv_token_clear(&got);
    arv_client_free(patient);
}

/* ---- several failures ---- */

enum { NO_ANSWER, BUSY, SERVER_ERROR, WRONG, GARBAGE, REJECTED, SCOPE, FINE, N_FAULTS };

static void script(const char *prefix, int fault, const char *good)
{
    static const int BY_FAULT[] = {
        [BUSY] = 503, [SERVER_ERROR] = 500, [WRONG] = 418, [REJECTED] = 401, [SCOPE] = 403
    };
    if (fault == NO_ANSWER)
        fake_server_raw(cluster.server, prefix, "", 0, FAKE_CLOSE);
    else if (fault == GARBAGE)
        fake_server_answer(cluster.server, prefix, 200, "{\"a\":");
    else if (fault == FINE)
        fake_server_answer(cluster.server, prefix, 200, good);
    else
        fake_server_answer(cluster.server, prefix, BY_FAULT[fault], "");
}

/* By rank; of the same rank the first one asked is told. */
static int told_of(int first, int second)
{
    static const int RANKS[] = { [NO_ANSWER] = 5, [BUSY] = 5,     [SERVER_ERROR] = 5, [WRONG] = 4,
                                 [GARBAGE] = 4,   [REJECTED] = 3, [SCOPE] = 2,        [FINE] = 0 };
    return RANKS[second] > RANKS[first] ? second : first;
}

TEST(the_failure_that_says_least_about_the_token_is_told)
{
    static const enum vp_reason REASONS[] = {
        [NO_ANSWER] = VP_REASON_UPSTREAM_UNREACHABLE,
        [BUSY] = VP_REASON_UPSTREAM_BUSY,
        [SERVER_ERROR] = VP_REASON_UPSTREAM_ERROR,
        [WRONG] = VP_REASON_UPSTREAM_BAD_ANSWER,
        [GARBAGE] = VP_REASON_UPSTREAM_BAD_ANSWER,
        [REJECTED] = VP_REASON_TOKEN_REJECTED,
        [SCOPE] = VP_REASON_TOKEN_SCOPE,
    };
    for (int n = 0; n < N_FAULTS * N_FAULTS * 3; n++) {
        int a = n % N_FAULTS;
        int b = n / N_FAULTS % N_FAULTS;
        int fine_at = n / N_FAULTS / N_FAULTS; /* the third call goes well */
        struct vp_error err = { 0 };
        struct arv_identity identity = { 0 };
        struct arv_credentials who = fake_cluster_credentials(&cluster, false);
        int told = told_of(a, b);
        /* a pooled connection that breaks would be tried again by libcurl */
        struct arv_client *fresh = fake_cluster_client(&cluster, 0);
        fake_server_forget(cluster.server);
        script(CONTAINERS, fine_at == 0 ? FINE : a, CONTAINER);
        script(USERS, fine_at == 0 ? a : fine_at == 1 ? FINE : b, USER);
        script(TOKENS, fine_at == 2 ? FINE : b, TOKEN);
        enum vp_code code = arv_identify(fresh, &who, ARV_CONTAINER_TOKEN, &identity, &err);
        if (told == FINE) {
            EXPECT_INT(VP_OK, code);
        } else if (err.reason != REASONS[told])
            fail_msg("%d, %d without %d: expected %s, got %s", a, b, fine_at, vp_reason_word(REASONS[told]),
                     vp_reason_word(err.reason));
        arv_identity_clear(&identity);
        arv_client_free(fresh);
    }
}

TEST(a_token_that_is_no_containers_is_the_last_thing_to_be_told)
{
    static const struct {
        int status;
        enum vp_reason reason;
    } ROWS[] = {
        { 200, VP_REASON_NOT_CONTAINER_TOKEN }, { 401, VP_REASON_TOKEN_REJECTED },
        { 403, VP_REASON_TOKEN_SCOPE },         { 500, VP_REASON_UPSTREAM_ERROR },
        { 418, VP_REASON_UPSTREAM_BAD_ANSWER }, { 503, VP_REASON_UPSTREAM_BUSY },
    };
    for (size_t i = 0; i < LEN(ROWS); i++)
        for (int at = 0; at < 2; at++) {
            struct vp_error err = { 0 };
            struct arv_identity identity = { 0 };
            struct arv_credentials who = fake_cluster_credentials(&cluster, false);
            bool fine = ROWS[i].status == 200;
            fake_server_forget(cluster.server);
            fake_server_answer(cluster.server, CONTAINERS, 404, ERRORS);
            fake_server_answer(cluster.server, USERS, at == 0 ? ROWS[i].status : 200, at == 0 && !fine ? "" : USER);
            fake_server_answer(cluster.server, TOKENS, at == 1 ? ROWS[i].status : 200, at == 1 && !fine ? "" : TOKEN);
            EXPECT_FAIL(ROWS[i].reason, arv_identify(cluster.client, &who, ARV_CONTAINER_TOKEN, &identity, &err), &err);
        }
}

/* While its database is down Arvados says 401 here and 500 there. */
TEST(an_outage_is_not_told_as_a_bad_service_token)
{
    static const struct {
        int first, second;
        enum vp_reason reason;
    } ROWS[] = {
        { 401, 500, VP_REASON_UPSTREAM_ERROR },      { 500, 401, VP_REASON_UPSTREAM_ERROR },
        { 401, 503, VP_REASON_UPSTREAM_BUSY },       { 403, 502, VP_REASON_UPSTREAM_ERROR },
        { 401, 401, VP_REASON_SERVICE_TOKEN },       { 403, 401, VP_REASON_SERVICE_TOKEN },
        { 401, 200, VP_REASON_SERVICE_TOKEN },       { 200, 403, VP_REASON_SERVICE_TOKEN },
        { 401, 418, VP_REASON_UPSTREAM_BAD_ANSWER },
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        struct arv_identity identity = { 0 };
        struct arv_credentials who = fake_cluster_credentials(&cluster, true);
        fake_server_forget(cluster.server);
        fake_server_answer(cluster.server, "/arvados/v1/containers?", ROWS[i].first,
                           ROWS[i].first == 200 ? "{\"items\":[]}" : "");
        fake_server_answer(cluster.server, "/arvados/v1/users?", ROWS[i].second,
                           ROWS[i].second == 200 ? "{\"items\":[]}" : "");
        EXPECT_FAIL(ROWS[i].reason,
                    arv_look_up(cluster.client, &who, "zzzzz-dz642-runningcontainr", "zzzzz-tpzed-xurymjxw79nv3jz",
                                &identity, &err),
                    &err);
    }
}

/* ---- bodies ---- */

TEST(a_body_that_is_no_json_object_is_an_answer_that_can_not_be_right)
{
    static const char *const BODIES[] = {
        "",
        " ",
        "null",
        "true",
        "[]",
        "{}",
        "\"x\"",
        "1",
        "<html></html>",
        "{",
        "{\"uuid\":",
        TOKEN "x",
        TOKEN TOKEN,
        "\xEF\xBB\xBF" TOKEN,
        "{'uuid':1}",
        "[" TOKEN "]",
        "{\"items\":[" TOKEN "]}",
        "{\"uuid\":\"zzzzz-gj3su-077z32aux8dg2s2\",\"uuid\":\"zzzzz-gj3su-077z32aux8dg2s2\"}",
        "{\"errors\":[\"geheim\"]}",
        "{\"a\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}",
    };
    for (size_t i = 0; i < LEN(BODIES); i++) {
        struct vp_error err = { 0 };
        struct arv_token got = { 0 };
        struct arv_credentials who = fake_cluster_credentials(&cluster, false);
        fake_server_forget(cluster.server);
        fake_server_answer(cluster.server, TOKENS, 200, BODIES[i]);
        EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, arv_token_current(cluster.client, &who, &got, &err), &err);
        EXPECT_LACKS("geheim", err.detail);
    }
}

TEST(a_body_of_more_than_a_megabyte_is_refused)
{
    struct vp_error err = { 0 };
    struct arv_token got = { 0 };
    struct arv_credentials who = fake_cluster_credentials(&cluster, false);
    size_t len = 1024 * 1024;
    char *body = malloc(len + 2);
    memset(body, ' ', len + 2);
    memcpy(body, TOKEN, strlen(TOKEN));
    body[len] = '\0';
    fake_server_answer(cluster.server, TOKENS, 200, body);
    body[len] = ' ';
    body[len + 1] = '\0';
    fake_server_answer(cluster.server, TOKENS, 200, body);
    free(body);
    EXPECT_OK(arv_token_current(cluster.client, &who, &got, &err), &err);
    arv_token_clear(&got);
    EXPECT_FAIL(VP_REASON_UPSTREAM_BAD_ANSWER, arv_token_current(cluster.client, &who, &got, &err), &err);
}

TEST(an_end_of_our_own_is_told_as_such)
{
    struct vp_error err = { 0 };
    struct vp_cancel cancel = VP_CANCEL_INIT;
    struct arv_identity identity = { 0 };
    struct arv_credentials who = fake_cluster_credentials(&cluster, false);
    who.cancel = &cancel;
    vp_cancel_set(&cancel);
    EXPECT_FAIL(VP_REASON_CANCELLED, arv_identify(cluster.client, &who, ARV_CONTAINER_TOKEN, &identity, &err), &err);
    who = fake_cluster_credentials(&cluster, false);
    who.deadline_ms = 0;
    EXPECT_FAIL(VP_REASON_UPSTREAM_TIMEOUT, arv_identify(cluster.client, &who, ARV_CONTAINER_TOKEN, &identity, &err),
                &err);
    EXPECT_INT(0, fake_server_count(cluster.server, "/"));
}

/* ---- discovery ---- */

static enum vp_code discover(const char *body, struct arv_discovery *discovery, struct vp_error *err)
{
    struct arv_credentials who = fake_cluster_credentials(&cluster, false);
    fake_server_forget(cluster.server);
    fake_server_answer(cluster.server, DISCOVERY, 200, body);
    return arv_discover(cluster.client, &who, discovery, err);
}

TEST(discovery_tells_the_cluster_and_its_version_and_is_asked_without_a_token)
{
    static const struct {
        const char *body, *version, *revision;
    } ROWS[] = {
        { "{\"uuidPrefix\":\"zzzzz\",\"packageVersion\":\"3.2.1-1\",\"revision\":\"20250402\"}", "3.2.1-1",
          "20250402" },
        { "{\"uuidPrefix\":\"zzzzz\"}", "", "" },
        { "{\"uuidPrefix\":\"zzzzz\",\"packageVersion\":null,\"revision\":null}", "", "" },
        { "{\"uuidPrefix\":\"zzzzz\",\"packageVersion\":\"\",\"revision\":\"\"}", "", "" },
        { "{\"revision\":\"1\",\"x\":[1,2.5,{\"y\":null}],\"uuidPrefix\":\"zzzzz\"}", "", "1" },
        /* real documents name uuid twice in many schemas */
        { "{\"schemas\":{\"User\":{\"properties\":{\"uuid\":{\"a\":1},\"uuid\":{\"a\":2}}}},\"uuidPrefix\":\"zzzzz\"}",
          "", "" },
        { "{\"uuidPrefix\":\"zzzzz\",\"a\":{\"b\":{\"uuidPrefix\":\"aaaaa\",\"uuidPrefix\":\"bbbbb\"}}}", "", "" },
        { "{\"uuidPrefix\":\"zzzzz\",\"packageVersion\":"
          "\"0123456789012345678901234567890123456789012345678901234567890ab\"}",
          "0123456789012345678901234567890123456789012345678901234567890ab", "" },
    };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        struct arv_discovery discovery;
        EXPECT_OK(discover(ROWS[i].body, &discovery, &err), &err);
        EXPECT_TEXT("zzzzz", discovery.cluster_id);
        EXPECT_TEXT(ROWS[i].version, discovery.version);
        EXPECT_TEXT(ROWS[i].revision, discovery.revision);
        EXPECT_LACKS("Authorization", fake_server_last(cluster.server, "/"));
        EXPECT_CONTAINS("X-Request-Id: req-1\r\n", fake_server_last(cluster.server, "/"));
    }
}

TEST(a_discovery_document_without_a_clear_cluster_id_is_refused)
{
    static const char *const BODIES[] = {
        "{}",
        "[]",
        "{\"uuidPrefix\":null}",
        "{\"uuidPrefix\":\"\"}",
        "{\"uuidPrefix\":12345}",
        "{\"uuidPrefix\":[\"zzzzz\"]}",
        "{\"uuidPrefix\":true}",
        "{\"uuidPrefix\":\"zzzz\"}",
        "{\"uuidPrefix\":\"zzzzzz\"}",
        "{\"uuidPrefix\":\"ZZZZZ\"}",
        "{\"uuidPrefix\":\"zz-zz\"}",
        "{\"uuidPrefix\":\"zz zz\"}",
        "{\"uuidPrefix\":\"../..\"}",
        "{\"uuidPrefix\":\"zz\\u00e9z\"}",
        "{\"uuidPrefix\":\"zzzz\\u0000\"}",
        "{\"uuidprefix\":\"zzzzz\"}",
        "{\"a\":{\"uuidPrefix\":\"zzzzz\"}}",
        "{\"uuidPrefix\":\"zzzzz\",\"uuidPrefix\":\"zzzzz\"}",
        "{\"uuidPrefix\":\"zzzzz\",\"uuidPrefix\":\"aaaaa\"}",
        "{\"uuidPrefix\":\"zzzzz\",\"uuid\\u0050refix\":\"aaaaa\"}",
        "{\"uuidPrefix\":\"zzzzz\",\"x\":1,\"x\":2}",
        "{\"uuidPrefix\":\"zzzzz\",\"packageVersion\":3}",
        "{\"uuidPrefix\":\"zzzzz\",\"revision\":20250402}",
        ("{\"uuidPrefix\":\"zzzzz\",\"packageVersion\":"
         "\"0123456789012345678901234567890123456789012345678901234567890abc\"}"),
    };
    for (size_t i = 0; i < LEN(BODIES); i++) {
        struct vp_error err = { 0 };
        struct arv_discovery discovery = { .cluster_id = "aaaaa" };
        if (discover(BODIES[i], &discovery, &err) == VP_OK)
            fail_msg("taken: %s", BODIES[i]);
        EXPECT_INT(VP_REASON_UPSTREAM_BAD_ANSWER, err.reason);
        EXPECT_TEXT("aaaaa", discovery.cluster_id);
    }
}

TEST(a_client_with_unusable_options_is_not_made)
{
    struct vp_error err = { 0 };
    struct arv_client *made = NULL;
    struct http_site_options options = { .origin = { .host = "localhost", .port = 443 },
                                         .ca_pem = "garbage",
                                         .max_concurrent = 1 };
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, arv_client_new(cluster.http, &options, &made, &err), &err);
    EXPECT_NULL(made);
    arv_client_free(NULL);
}

#define WITH_SERVER(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        WITH_SERVER(each_status_has_its_meaning_for_a_callers_token_and_for_the_service_token),
        WITH_SERVER(only_the_question_for_the_container_knows_what_a_404_means),
        WITH_SERVER(an_outage_is_told_after_the_retries_and_a_denial_without_any),
        WITH_SERVER(the_failure_that_says_least_about_the_token_is_told),
        WITH_SERVER(a_token_that_is_no_containers_is_the_last_thing_to_be_told),
        WITH_SERVER(an_outage_is_not_told_as_a_bad_service_token),
        WITH_SERVER(a_body_that_is_no_json_object_is_an_answer_that_can_not_be_right),
        WITH_SERVER(a_body_of_more_than_a_megabyte_is_refused),
        WITH_SERVER(an_end_of_our_own_is_told_as_such),
        WITH_SERVER(discovery_tells_the_cluster_and_its_version_and_is_asked_without_a_token),
        WITH_SERVER(a_discovery_document_without_a_clear_cluster_id_is_refused),
        WITH_SERVER(a_client_with_unusable_options_is_not_made),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
