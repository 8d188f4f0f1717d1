/* What a login stores with its token is read back; what is not of this form is refused. */
#include "check.h"
#include "lease.h"

#define USER "\"user_uuid\":\"zzzzz-tpzed-xurymjxw79nv3jz\""
#define CONTAINER "\"container_uuid\":\"zzzzz-dz642-runningcontainr\""
#define TOKEN "\"token_uuid\":\"zzzzz-gj3su-077z32aux8dg2s2\""
#define KIND "\"login_kind\":\"container\""

TEST(a_lease_of_this_plugin_is_read_back)
{
    struct vp_error err = { 0 };
    struct auth_lease lease = { 0 };

    EXPECT_OK(auth_lease_parse("{" KIND "," USER "," CONTAINER "," TOKEN
                               ",\"role\":\"ci\",\"runtime_token\":true,\"run_token\":\"v2/x/y\"}",
                               &lease, &err),
              &err);

    EXPECT_TEXT("zzzzz-tpzed-xurymjxw79nv3jz", lease.user_uuid);
    EXPECT_TEXT("zzzzz-dz642-runningcontainr", lease.container_uuid);
    EXPECT_TEXT("zzzzz-gj3su-077z32aux8dg2s2", lease.token_uuid);
    EXPECT_TEXT("v2/x/y", vp_secret_reveal(lease.run_token));
    EXPECT_TEXT("ci", lease.role);
    EXPECT(lease.runtime_token);
    auth_lease_clear(&lease);
    EXPECT_NULL(lease.run_token);
}

TEST(a_lease_of_another_form_is_refused)
{
    static const char *const TEXTS[] = {
        "",
        "null",
        "[]",
        "{}",
        "{" KIND "," USER "," CONTAINER "}",
        "{" KIND "," USER "," TOKEN "}",
        "{" KIND "," CONTAINER "," TOKEN "}",
        "{" USER "," CONTAINER "," TOKEN "}",
        "{\"login_kind\":\"user\"," USER "," CONTAINER "," TOKEN "}",
        "{" KIND "," USER "," CONTAINER "," TOKEN ",\"bound_by_a_newer_version\":true}",
        "{" KIND "," USER "," CONTAINER ",\"token_uuid\":\"zzzzz-tpzed-077z32aux8dg2s2\"}",
        "{" KIND ",\"user_uuid\":\"../x\"," CONTAINER "," TOKEN "}",
        "{" KIND "," USER "," CONTAINER "," TOKEN "," TOKEN "}",
        "{" KIND "," USER "," CONTAINER "," TOKEN "}}",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct vp_error err = { 0 };
        struct auth_lease lease = { 0 };

        EXPECT_FAIL(VP_REASON_BAD_REQUEST, auth_lease_parse(TEXTS[i], &lease, &err), &err);
        EXPECT_NULL(lease.user_uuid);
    }
    struct vp_error err = { 0 };
    struct auth_lease lease = { 0 };
    EXPECT_FAIL(VP_REASON_BAD_REQUEST, auth_lease_parse(NULL, &lease, &err), &err);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_lease_of_this_plugin_is_read_back),
        CASE(a_lease_of_another_form_is_refused),
    };
    return cmocka_run_group_tests_name("auth_lease", cases, NULL, NULL);
}
