/* Groups and memberships, from a server that may lie about each of them. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/arvados.h"

#include "check.h"
#include "fake_cluster.h"

#define LEN(rows) (sizeof(rows) / sizeof(rows)[0])
#define MEMBERSHIPS "/arvados/v1/computed_permissions?"
#define GROUPS "/arvados/v1/groups?"
#define USER "zzzzz-tpzed-xurymjxw79nv3jz"
#define ROLE(n) "zzzzz-j7d0g-00000000000000" n
#define MEMBER(n) "{\"user_uuid\":\"" USER "\",\"target_uuid\":\"" ROLE(n) "\",\"perm_level\":\"can_read\"}"
#define ALIVE(n) "{\"uuid\":\"" ROLE(n) "\",\"group_class\":\"role\",\"kind\":\"arvados#group\",\"etag\":\"\"}"
#define PAGE(items, limit) "{\"items\":[" items "],\"limit\":" limit ",\"offset\":0}"

static struct fake_cluster cluster;
static struct vp_texts asked;

static int set_up(void **state)
{
    (void)state;
    if (!fake_cluster_init(&cluster, "v2/t"))
        return -1;
    for (char n = '1'; n <= '4'; n++) {
        char uuid[ARV_UUID_LEN + 1];
        (void)snprintf(uuid, sizeof uuid, ROLE("%c"), n);
        if (vp_texts_add(&asked, uuid, &(struct vp_error){ 0 }) != VP_OK)
            return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vp_texts_clear(&asked);
    fake_cluster_clear(&cluster);
    return 0;
}

static enum vp_code ask(struct arv_members *members, struct vp_error *err)
{
    struct arv_credentials who = fake_cluster_credentials(&cluster, true);
    return arv_members_among(cluster.client, &who, USER, &asked, members, err);
}

static enum vp_code ask_roles(struct vp_texts *roles, struct vp_error *err)
{
    struct arv_credentials who = fake_cluster_credentials(&cluster, true);
    return arv_groups_among(cluster.client, &who, &asked, "role", roles, err);
}

static void expect_refused(enum vp_reason reason)
{
    struct vp_error err = { 0 };
    struct arv_members members = { .unknown = true };
    EXPECT_FAIL(reason, ask(&members, &err), &err);
    EXPECT(members.unknown); /* nothing is given out on failure */
    fake_server_forget(cluster.server);
}

static void expect_roles_refused(enum vp_reason reason)
{
    struct vp_error err = { 0 };
    struct vp_texts roles = { 0 };
    EXPECT_FAIL(reason, ask_roles(&roles, &err), &err);
    EXPECT_INT(0, roles.n);
    fake_server_forget(cluster.server);
}

static void expect_last_characters(const char *expected, const struct vp_texts *uuids)
{
    EXPECT_INT(strlen(expected), uuids->n);
    for (size_t i = 0; i < uuids->n; i++)
        EXPECT_INT(expected[i], uuids->items[i][ARV_UUID_LEN - 1]);
}

TEST(members_are_those_of_the_groups_that_were_asked_for)
{
    struct vp_error err = { 0 };
    struct arv_members found = { 0 };
    fake_server_answer(cluster.server, MEMBERSHIPS, 200, PAGE(MEMBER("1") "," MEMBER("3"), "1000"));
    EXPECT_OK(ask(&found, &err), &err);
    expect_last_characters("13", &found.group_uuids);
    EXPECT(!found.unknown);
    arv_members_clear(&found);
}

TEST(groups_of_a_class_are_those_that_are_not_in_the_trash)
{
    struct vp_error err = { 0 };
    struct vp_texts roles = { 0 };
    fake_server_answer(cluster.server, GROUPS, 200, PAGE(ALIVE("1") "," ALIVE("4"), "1000"));
    EXPECT_OK(ask_roles(&roles, &err), &err);
    expect_last_characters("14", &roles);
    vp_texts_clear(&roles);
}

TEST(a_full_page_is_followed_by_another)
{
    struct vp_error err = { 0 };
    struct arv_members found = { 0 };
    fake_server_answer(cluster.server, MEMBERSHIPS, 200, PAGE(MEMBER("1") "," MEMBER("2"), "2"));
    fake_server_answer(cluster.server, MEMBERSHIPS, 200, PAGE(MEMBER("4"), "2"));
    EXPECT_OK(ask(&found, &err), &err);
    expect_last_characters("124", &found.group_uuids);
    EXPECT_INT(2, fake_server_count(cluster.server, MEMBERSHIPS));
    arv_members_clear(&found);
}

TEST(more_groups_than_one_request_takes_are_asked_for_in_slices)
{
    struct vp_error err = { 0 };
    struct arv_members found = { 0 };
    for (unsigned n = 5; n <= 151; n++) {
        char uuid[ARV_UUID_LEN + 1];
        (void)snprintf(uuid, sizeof uuid, "zzzzz-j7d0g-%015u", n);
        EXPECT_OK(vp_texts_add(&asked, uuid, &err), &err);
    }
    fake_server_answer(cluster.server, MEMBERSHIPS, 200, PAGE(MEMBER("3"), "1000"));
    fake_server_answer(cluster.server, MEMBERSHIPS, 200,
                       PAGE("{\"user_uuid\":\"" USER "\",\"target_uuid\":\"zzzzz-j7d0g-000000000000151\","
                            "\"perm_level\":\"can_read\"}",
                            "1000"));
    EXPECT_OK(ask(&found, &err), &err);
    EXPECT_INT(2, found.group_uuids.n);
    EXPECT_TEXT("zzzzz-j7d0g-000000000000151", found.group_uuids.items[1]);
    arv_members_clear(&found);
}

TEST(pages_that_never_end_are_not_read_for_ever)
{
    fake_server_answer(cluster.server, MEMBERSHIPS, 200, PAGE("", "0"));
    expect_refused(VP_REASON_UPSTREAM_BAD_ANSWER);
    fake_server_answer(cluster.server, GROUPS, 200, PAGE("", "0"));
    expect_roles_refused(VP_REASON_UPSTREAM_BAD_ANSWER);
}

TEST(a_server_that_can_not_tell_memberships_is_an_old_one_and_one_without_groups_is_none)
{
    struct vp_error err = { 0 };
    struct arv_members found = { 0 };
    fake_server_answer(cluster.server, MEMBERSHIPS, 404, "{\"errors\":[\"Path not found\"]}");
    EXPECT_OK(ask(&found, &err), &err);
    EXPECT(found.unknown);
    EXPECT_INT(0, found.group_uuids.n);
    arv_members_clear(&found);
    fake_server_forget(cluster.server);
    fake_server_answer(cluster.server, GROUPS, 404, "{}");
    expect_roles_refused(VP_REASON_UPSTREAM_BAD_ANSWER);
}

TEST(what_can_not_be_right_refuses)
{
    static const char *const MEMBERS[] = {
        "null",
        "[]",
        "{}",
        PAGE("", "null"),
        PAGE("", "\"1000\""),
        "{\"items\":null,\"limit\":1000}",
        "{\"items\":{},\"limit\":1000}",
        PAGE("null", "1000"),
        PAGE("1", "1000"),
        PAGE(MEMBER("1") "," MEMBER("2"), "1"),
        PAGE(MEMBER("2") "," MEMBER("1"), "1000"),
        PAGE(MEMBER("1") "," MEMBER("1"), "1000"),
        PAGE(MEMBER("9"), "1000"),
        PAGE("{\"user_uuid\":\"zzzzz-tpzed-l1s2piq4t4mps8r\",\"target_uuid\":\"" ROLE(
                 "1") "\",\"perm_level\":\"can_read\"}",
             "1000"),
        PAGE("{\"user_uuid\":\"" USER "\",\"target_uuid\":\"" ROLE("1") "\",\"perm_level\":\"can_login\"}", "1000"),
        PAGE("{\"user_uuid\":\"" USER "\",\"target_uuid\":\"" ROLE("1") "\",\"perm_level\":1}", "1000"),
        PAGE("{\"user_uuid\":\"" USER "\",\"target_uuid\":\"" ROLE("1") "\"}", "1000"),
        PAGE("{\"target_uuid\":\"" ROLE("1") "\",\"perm_level\":\"can_read\"}", "1000"),
        PAGE("{\"user_uuid\":\"" USER "\",\"target_uuid\":null,\"perm_level\":\"can_read\"}", "1000"),
    };
    static const char *const LISTS[] = {
        "null",
        PAGE(ALIVE("9"), "1000"),
        PAGE(ALIVE("2") "," ALIVE("1"), "1000"),
        PAGE("{\"uuid\":\"" ROLE("1") "\",\"group_class\":\"project\"}", "1000"),
        PAGE("{\"uuid\":\"" ROLE("1") "\",\"group_class\":null}", "1000"),
        PAGE("{\"uuid\":\"" ROLE("1") "\"}", "1000"),
    };
    for (size_t i = 0; i < LEN(MEMBERS); i++) {
        fake_server_answer(cluster.server, MEMBERSHIPS, 200, MEMBERS[i]);
        expect_refused(VP_REASON_UPSTREAM_BAD_ANSWER);
    }
    for (size_t i = 0; i < LEN(LISTS); i++) {
        fake_server_answer(cluster.server, GROUPS, 200, LISTS[i]);
        expect_roles_refused(VP_REASON_UPSTREAM_BAD_ANSWER);
    }
}

TEST(a_failure_of_either_list_is_the_answers)
{
    static const struct {
        int status;
        enum vp_reason reason;
    } ROWS[] = { { 401, VP_REASON_SERVICE_TOKEN },
                 { 403, VP_REASON_SERVICE_TOKEN },
                 { 500, VP_REASON_UPSTREAM_ERROR },
                 { 422, VP_REASON_UPSTREAM_BAD_ANSWER } };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        fake_server_answer(cluster.server, MEMBERSHIPS, ROWS[i].status, "{}");
        expect_refused(ROWS[i].reason);
        fake_server_answer(cluster.server, GROUPS, ROWS[i].status, "{}");
        expect_roles_refused(ROWS[i].reason);
    }
}

TEST(no_request_is_sent_about_no_groups)
{
    struct vp_error err = { 0 };
    struct arv_members found = { 0 };
    vp_texts_clear(&asked);
    EXPECT_OK(ask(&found, &err), &err);
    EXPECT_INT(0, fake_server_count(cluster.server, "/"));
    arv_members_clear(&found);
}

#define WITH_SERVER(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        WITH_SERVER(members_are_those_of_the_groups_that_were_asked_for),
        WITH_SERVER(groups_of_a_class_are_those_that_are_not_in_the_trash),
        WITH_SERVER(a_full_page_is_followed_by_another),
        WITH_SERVER(more_groups_than_one_request_takes_are_asked_for_in_slices),
        WITH_SERVER(pages_that_never_end_are_not_read_for_ever),
        WITH_SERVER(a_server_that_can_not_tell_memberships_is_an_old_one_and_one_without_groups_is_none),
        WITH_SERVER(what_can_not_be_right_refuses),
        WITH_SERVER(a_failure_of_either_list_is_the_answers),
        WITH_SERVER(no_request_is_sent_about_no_groups),
    };
    return cmocka_run_group_tests_name("arvados_group", cases, NULL, NULL);
}
