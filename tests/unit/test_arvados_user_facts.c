/* The rounds of a login with the service token: grants to groups, and one user's record, memberships and own grants. */
#include <stdlib.h>

#include "vp/arvados.h"

#include "check.h"
#include "fake_cluster.h"

#define USERS "/arvados/v1/users?"
#define LINKS "/arvados/v1/links?"
#define MEMBERSHIPS "/arvados/v1/computed_permissions?"
#define USER "zzzzz-tpzed-xurymjxw79nv3jz"
#define OTHER "zzzzz-tpzed-l1s2piq4t4mps8r"
#define ROLE "zzzzz-j7d0g-000000000000001"
#define RECORD(uuid) \
    "{\"items\":[{\"uuid\":\"" uuid "\",\"username\":\"alice\",\"is_active\":true,\"is_admin\":false}]}"
#define NO_RECORD "{\"items\":[]}"
#define LINK(n, tail)                                                                                    \
    "{\"uuid\":\"zzzzz-o0j2j-00000000000000" n "\",\"owner_uuid\":\"zzzzz-tpzed-000000000000000\","      \
    "\"link_class\":\"vault_policy\",\"name\":\"p" n "\",\"tail_uuid\":\"" tail "\",\"head_uuid\":null," \
    "\"modified_by_user_uuid\":null,\"properties\":{}}"
#define LIST(items, available) "{\"items\":[" items "],\"items_available\":" available "}"
#define MEMBER "{\"user_uuid\":\"" USER "\",\"target_uuid\":\"" ROLE "\",\"perm_level\":\"can_read\"}"

static struct fake_cluster cluster;
static char role[] = ROLE;
static char *roles[] = { role };
static const struct vp_texts groups = { roles, 1 };
static const struct vp_texts no_groups;
static const struct arv_link_query query = { .link_class = "vault_policy" };
static const struct arv_link_query of_groups = { .link_class = "vault_policy",
                                                 .tail_is_group = true,
                                                 .proof_cluster_id = "zzzzz" };

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

static enum vp_code ask(const struct vp_texts *asked, struct arv_user_facts *facts, struct vp_error *err)
{
    const struct arv_credentials who = fake_cluster_credentials(&cluster, true);
    return arv_user_facts(cluster.client, &who, USER, asked, &query, facts, err);
}

static void expect_refused(enum vp_reason reason)
{
    struct vp_error err = { 0 };
    struct arv_user_facts facts = { 0 };
    EXPECT_FAIL(reason, ask(&groups, &facts, &err), &err);
    EXPECT(facts.user.document == NULL && facts.links.n == 0 && facts.members.group_uuids.n == 0);
    fake_server_forget(cluster.server);
}

TEST(record_links_and_memberships_come_in_one_request_each)
{
    struct vp_error err = { 0 };
    struct arv_user_facts facts = { 0 };
    fake_server_answer(cluster.server, USERS, 200, RECORD(USER));
    fake_server_answer(cluster.server, LINKS, 200, LIST(LINK("1", USER), "1"));
    fake_server_answer(cluster.server, MEMBERSHIPS, 200, "{\"items\":[" MEMBER "],\"limit\":1000}");

    EXPECT_OK(ask(&groups, &facts, &err), &err);

    EXPECT_TEXT(USER, facts.user.uuid);
    EXPECT(facts.user.is_active && !facts.user.is_admin);
    EXPECT_INT(1, facts.links.n);
    EXPECT_TEXT(ROLE, facts.members.group_uuids.items[0]);
    EXPECT_INT(3, fake_server_count(cluster.server, "/"));
    EXPECT_CONTAINS("bypass_federation=true", fake_server_last(cluster.server, USERS));
    EXPECT_CONTAINS(USER, fake_server_last(cluster.server, LINKS));
    arv_user_facts_clear(&facts);
}

TEST(without_groups_memberships_are_not_asked_for)
{
    struct vp_error err = { 0 };
    struct arv_user_facts facts = { 0 };
    fake_server_answer(cluster.server, USERS, 200, RECORD(USER));
    fake_server_answer(cluster.server, LINKS, 200, LIST("", "0"));
    EXPECT_OK(ask(&no_groups, &facts, &err), &err);
    EXPECT_INT(2, fake_server_count(cluster.server, "/"));
    arv_user_facts_clear(&facts);
}

TEST(further_pages_of_links_are_read)
{
    struct vp_error err = { 0 };
    struct arv_user_facts facts = { 0 };
    fake_server_answer(cluster.server, USERS, 200, RECORD(USER));
    fake_server_answer(cluster.server, LINKS, 200, LIST(LINK("1", USER), "2"));
    fake_server_answer(cluster.server, LINKS, 200, LIST(LINK("2", USER), "1"));
    EXPECT_OK(ask(&no_groups, &facts, &err), &err);
    EXPECT_INT(2, facts.links.n);
    arv_user_facts_clear(&facts);
}

/* Arvados gives an ordinary user's token empty lists, and refuses it the record. */
TEST(a_token_that_is_no_administrators_proves_nothing)
{
    fake_server_answer(cluster.server, USERS, 403, "{\"errors\":[\"Permission denied\"]}");
    fake_server_answer(cluster.server, LINKS, 200, LIST("", "0"));
    fake_server_answer(cluster.server, MEMBERSHIPS, 200, "{\"items\":[],\"limit\":1000}");
    expect_refused(VP_REASON_SERVICE_TOKEN);

    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    const struct arv_credentials who = fake_cluster_credentials(&cluster, true);
    fake_server_answer(cluster.server, USERS, 403, "{\"errors\":[\"Permission denied\"]}");
    fake_server_answer(cluster.server, LINKS, 200, LIST("", "0"));
    EXPECT_FAIL(VP_REASON_SERVICE_TOKEN, arv_links_list(cluster.client, &who, &of_groups, &links, &err), &err);
}

TEST(what_is_missing_or_contradicts_itself_refuses)
{
    static const struct {
        const char *users, *links, *members;
        enum vp_reason reason;
    } ROWS[] = {
        { NO_RECORD, LIST("", "0"), "{\"items\":[],\"limit\":1000}", VP_REASON_USER_INACTIVE },
        { RECORD(OTHER), LIST("", "0"), "{\"items\":[],\"limit\":1000}", VP_REASON_UPSTREAM_BAD_ANSWER },
        { RECORD(USER), LIST("", "1"), "{\"items\":[],\"limit\":1000}", VP_REASON_LINKS_INCOMPLETE },
        { RECORD(USER), LIST("", "0"), "null", VP_REASON_UPSTREAM_BAD_ANSWER },
        { RECORD(USER), "null", "{\"items\":[],\"limit\":1000}", VP_REASON_UPSTREAM_BAD_ANSWER },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        fake_server_answer(cluster.server, USERS, 200, ROWS[i].users);
        fake_server_answer(cluster.server, LINKS, 200, ROWS[i].links);
        fake_server_answer(cluster.server, MEMBERSHIPS, 200, ROWS[i].members);
        expect_refused(ROWS[i].reason);
    }
}

TEST(links_to_groups_are_asked_for_next_to_an_administrators_record)
{
    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    const struct arv_credentials who = fake_cluster_credentials(&cluster, true);
    fake_server_answer(cluster.server, USERS, 200, RECORD("zzzzz-tpzed-000000000000000"));
    fake_server_answer(cluster.server, LINKS, 200, LIST(LINK("1", ROLE), "1"));
    EXPECT_OK(arv_links_list(cluster.client, &who, &of_groups, &links, &err), &err);
    EXPECT_INT(1, links.n);
    EXPECT_CONTAINS("is_a", fake_server_last(cluster.server, LINKS));
    EXPECT_INT(2, fake_server_count(cluster.server, "/"));
    arv_links_clear(&links);
}

#define WITH_SERVER(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        WITH_SERVER(record_links_and_memberships_come_in_one_request_each),
        WITH_SERVER(without_groups_memberships_are_not_asked_for),
        WITH_SERVER(further_pages_of_links_are_read),
        WITH_SERVER(a_token_that_is_no_administrators_proves_nothing),
        WITH_SERVER(what_is_missing_or_contradicts_itself_refuses),
        WITH_SERVER(links_to_groups_are_asked_for_next_to_an_administrators_record),
    };
    return cmocka_run_group_tests_name("arvados_user_facts", cases, NULL, NULL);
}
