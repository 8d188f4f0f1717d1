#include "check.h"
#include "cidr.h"

TEST(addresses_and_networks_are_told_from_other_texts)
{
    static const struct {
        const char *text;
        bool valid;
    } ROWS[] = {
        { "10.1.2.3", true },
        { "10.0.0.0/8", true },
        { "10.1.2.3/8", true },
        { "0.0.0.0/0", true },
        { "10.1.2.3/32", true },
        { "::1", true },
        { "2001:db8::/32", true },
        { "::/0", true },
        { "2001:db8::1/128", true },
        { "::ffff:10.1.2.3", true },
        { "", false },
        { "/", false },
        { "/8", false },
        { "10.1.2.3/", false },
        { "10.1.2.3/33", false },
        { "::1/129", false },
        { "10.1.2", false },
        { "10.1.2.256", false },
        { "10.1.2.3/-1", false },
        { "10.1.2.3/8x", false },
        { "10.1.2.3/0008", false },
        { " 10.1.2.3", false },
        { "10.1.2.3 ", false },
        { "localhost", false },
        { "10.1.2.3:80", false },
        { "[::1]", false },
        { "fe80::1%eth0", false },
        { "010.1.2.3", false },
        { "1:2:3:4:5:6:7:8:9", false },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        if (auth_cidr_is_valid(ROWS[i].text) != ROWS[i].valid)
            fail_msg("%s", ROWS[i].text);
}

TEST(an_address_is_in_a_network_or_not)
{
    static const struct {
        const char *network, *address;
        bool in;
    } ROWS[] = {
        { "10.0.0.0/8", "10.255.0.1", true },
        { "10.0.0.0/8", "11.0.0.0", false },
        { "10.1.2.3", "10.1.2.3", true },
        { "10.1.2.3", "10.1.2.4", false },
        { "192.168.4.0/22", "192.168.7.255", true },
        { "192.168.4.0/22", "192.168.8.0", false },
        { "10.9.9.9/8", "10.1.1.1", true },
        { "0.0.0.0/0", "1.2.3.4", true },
        { "0.0.0.0/0", "2001:db8::1", false },
        { "::/0", "2001:db8::1", true },
        { "2001:db8::/33", "2001:db8:7fff::1", true },
        { "2001:db8::/33", "2001:db8:8000::1", false },
        { "10.0.0.0/8", "::ffff:10.1.2.3", true },
        { "::1", "::1", true },
        { "::1", "127.0.0.1", false },
        { "127.0.0.0/8", "", false },
        { "0.0.0.0/0", "unix", false },
        { "0.0.0.0/0", "10.1.2.3/8", false },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        char text[64];
        char *items[] = { text };
        const struct vp_texts networks = { items, 1 };
        const struct vp_texts none = { items, 0 };
        memcpy(text, ROWS[i].network, strlen(ROWS[i].network) + 1);
        if (auth_cidr_has(&networks, ROWS[i].address) != ROWS[i].in)
            fail_msg("%s in %s", ROWS[i].address, ROWS[i].network);
        EXPECT(!auth_cidr_has(&none, ROWS[i].address));
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(addresses_and_networks_are_told_from_other_texts),
        CASE(an_address_is_in_a_network_or_not),
    };
    return cmocka_run_group_tests_name("auth_cidr", cases, NULL, NULL);
}
