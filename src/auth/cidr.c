#include "cidr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_TEXT_MAX = 45 };

/* Sixteen bytes, an IPv4 address as ::ffff:a.b.c.d, so that there is one way to compare. */
struct network {
    unsigned char bytes[16];
    unsigned prefix_bits;
};

static const unsigned char IPV4_IN_IPV6[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };

static bool parse_address(const char *text, size_t len, struct network *ret_network, unsigned *ret_width_bits)
{
    char copy[ADDRESS_TEXT_MAX + 1];
    struct network network = { .prefix_bits = 128 };
    if (len == 0 || len > ADDRESS_TEXT_MAX)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *ret_width_bits = 128;
    if (inet_pton(AF_INET6, copy, network.bytes) != 1) {
        memcpy(network.bytes, IPV4_IN_IPV6, sizeof IPV4_IN_IPV6);
        if (inet_pton(AF_INET, copy, network.bytes + sizeof IPV4_IN_IPV6) != 1)
            return false;
        *ret_width_bits = 32;
    }
    *ret_network = network;
    return true;
}

/* One to three digits, no more than `max`. */
static bool parse_bits(const char *text, unsigned max, unsigned *ret_bits)
{
    size_t n_digits = strspn(text, "0123456789");
    if (n_digits == 0 || n_digits > 3 || text[n_digits] != '\0')
        return false;
    unsigned long bits = strtoul(text, NULL, 10);
    *ret_bits = (unsigned)bits;
    return bits <= max;
}

static bool parse_network(const char *text, struct network *ret_network)
{
    size_t len = strcspn(text, "/");
    unsigned width = 0;
    unsigned bits = 0;
    struct network network;
    if (!parse_address(text, len, &network, &width))
        return false;
    if (text[len] == '/') {
        if (!parse_bits(text + len + 1, width, &bits))
            return false;
        network.prefix_bits = 128 - width + bits;
    }
    *ret_network = network;
    return true;
}

static bool same_prefix(const struct network *network, const struct network *address)
{
    unsigned whole = network->prefix_bits / 8;
    unsigned rest = network->prefix_bits % 8;
    if (memcmp(network->bytes, address->bytes, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    unsigned mask = (0xFF00U >> rest) & 0xFFU;
    return (network->bytes[whole] & mask) == (address->bytes[whole] & mask);
}

bool auth_cidr_is_valid(const char *text)
{
    struct network network;
    return parse_network(text, &network);
}

bool auth_cidr_has(const struct vp_texts *networks, const char *text)
{
    struct network address;
    struct network network;
    unsigned width = 0;
    if (!parse_address(text, strlen(text), &address, &width))
        return false;
    for (size_t i = 0; i < networks->n; i++)
        if (parse_network(networks->items[i], &network) && same_prefix(&network, &address))
            return true;
    return false;
}
