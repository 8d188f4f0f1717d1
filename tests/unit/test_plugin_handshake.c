#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "handshake.h"

static const char *const NAMES[] = { "VAULT_BACKEND_PLUGIN",     "PLUGIN_PROTOCOL_VERSIONS",
                                     "PLUGIN_CLIENT_CERT",       "PLUGIN_UNIX_SOCKET_DIR",
                                     "PLUGIN_UNIX_SOCKET_GROUP", "PLUGIN_MULTIPLEX_GRPC",
                                     "BAO_PLUGIN_METADATA_MODE", "VAULT_PLUGIN_METADATA_MODE",
                                     "BAO_PLUGIN_MLOCK_ENABLED", "VAULT_PLUGIN_MLOCK_ENABLED" };

/* The environment of a host that offers protocol 5, and nothing else. */
static void host_environment(void)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        unsetenv(NAMES[i]);
    setenv("PLUGIN_PROTOCOL_VERSIONS", "5", 1);
    setenv("PLUGIN_CLIENT_CERT", "cert", 1);
}

TEST(only_the_cookie_itself_is_the_cookie)
{
    host_environment();
    EXPECT(!plugin_handshake_has_cookie());
    setenv("VAULT_BACKEND_PLUGIN", "6669da05-b1c8-4f49-97d9-c8e5bed98e2", 1);
    EXPECT(!plugin_handshake_has_cookie());
    setenv("VAULT_BACKEND_PLUGIN", "6669da05-b1c8-4f49-97d9-c8e5bed98e20", 1);
    EXPECT(plugin_handshake_has_cookie());
}

TEST(protocol_5_must_be_offered)
{
    static const struct {
        const char *versions;
        bool good;
    } CASES[] = { { "5", true },   { "3,4,5", true }, { "5,6", true }, { "3,4", false }, { "", false },
                  { "55", false }, { "15", false },   { " 5", false }, { "5 ", false },  { "4,50,05", false } };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct plugin_handshake handshake = { 0 };
        struct vp_error err = { 0 };
        host_environment();
        setenv("PLUGIN_PROTOCOL_VERSIONS", CASES[i].versions, 1);
        if (CASES[i].good)
            EXPECT_OK(plugin_handshake_read(&handshake, &err), &err);
        else
            EXPECT_FAIL(VP_REASON_BAD_REQUEST, plugin_handshake_read(&handshake, &err), &err);
        plugin_handshake_clear(&handshake);
    }
}

TEST(a_certificate_must_be_there)
{
    struct plugin_handshake handshake = { 0 };
    struct vp_error err = { 0 };
    host_environment();
    setenv("PLUGIN_CLIENT_CERT", "", 1);

    EXPECT_FAIL(VP_REASON_BAD_REQUEST, plugin_handshake_read(&handshake, &err), &err);

    EXPECT_CONTAINS("PLUGIN_CLIENT_CERT", err.message);
}

TEST(what_the_host_says_is_copied)
{
    struct plugin_handshake handshake = { 0 };
    struct vp_error err = { 0 };
    host_environment();
    setenv("PLUGIN_UNIX_SOCKET_DIR", "/run/x", 1);
    setenv("PLUGIN_UNIX_SOCKET_GROUP", "100", 1);
    setenv("PLUGIN_MULTIPLEX_GRPC", "true", 1);
    setenv("VAULT_PLUGIN_MLOCK_ENABLED", "true", 1);

    EXPECT_OK(plugin_handshake_read(&handshake, &err), &err);
    host_environment();

    EXPECT_TEXT("cert", handshake.host_cert_pem);
    EXPECT_TEXT("/run/x", handshake.socket_dir);
    EXPECT_TEXT("100", handshake.socket_group);
    EXPECT(handshake.multiplex_field && handshake.lock_memory && !handshake.metadata_mode);
    plugin_handshake_clear(&handshake);
}

TEST(openbaos_names_go_before_vaults)
{
    static const struct {
        const char *bao, *vault;
        bool metadata_mode;
    } CASES[] = { { "true", "false", true }, { "false", "true", false }, { NULL, "true", true },
                  { "1", NULL, true },       { NULL, NULL, false },      { "", "true", false } };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct plugin_handshake handshake = { 0 };
        struct vp_error err = { 0 };
        host_environment();
        if (CASES[i].bao != NULL)
            setenv("BAO_PLUGIN_METADATA_MODE", CASES[i].bao, 1);
        if (CASES[i].vault != NULL)
            setenv("VAULT_PLUGIN_METADATA_MODE", CASES[i].vault, 1);
        EXPECT_OK(plugin_handshake_read(&handshake, &err), &err);
        EXPECT_INT(CASES[i].metadata_mode, handshake.metadata_mode);
        plugin_handshake_clear(&handshake);
    }
}

static void expect_line(bool multiplex_field, const char *expected)
{
    const struct plugin_handshake handshake = { .multiplex_field = multiplex_field };
    struct vp_error err = { 0 };
    char line[256] = "";
    int ends[2];

    EXPECT_INT(0, pipe(ends));
    EXPECT_OK(plugin_handshake_answer(ends[1], &handshake, "/tmp/s", "MIIB", &err), &err);
    EXPECT(read(ends[0], line, sizeof line - 1) > 0);
    EXPECT_TEXT(expected, line);
    close(ends[0]);
    close(ends[1]);
}

TEST(the_line_has_six_fields_or_seven)
{
    expect_line(false, "1|5|unix|/tmp/s|grpc|MIIB\n");
    expect_line(true, "1|5|unix|/tmp/s|grpc|MIIB|true\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(only_the_cookie_itself_is_the_cookie), CASE(protocol_5_must_be_offered),
        CASE(a_certificate_must_be_there),          CASE(what_the_host_says_is_copied),
        CASE(openbaos_names_go_before_vaults),      CASE(the_line_has_six_fields_or_seven),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
