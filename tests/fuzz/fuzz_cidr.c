/* Networks and an address. A match agrees with a separate bit-by-bit computation. */
#include <arpa/inet.h>
#include <stdbool.h>

#include "cidr.h"
#include "fuzz.h"

/* 16 bytes, an IPv4 address mapped; false: none. */
static bool read_address(const char *text, uint8_t out[16])
{
    static const uint8_t MAPPED[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    memcpy(out, MAPPED, sizeof MAPPED);
    return inet_pton(AF_INET, text, out + 12) == 1 || inet_pton(AF_INET6, text, out) == 1;
}

static bool is_in(const char *network, const char *address)
{
    uint8_t base[16], given[16];
    char *text = strdup(network);
    char *slash = strchr(text, '/');
    if (slash != NULL)
        *slash++ = '\0';
    bool v4 = strchr(text, ':') == NULL;
    bool fine = read_address(text, base) && read_address(address, given);
    unsigned long bits = slash == NULL ? (v4 ? 32 : 128) : strtoul(slash, NULL, 10);
    free(text);
    bits += v4 ? 96 : 0;
    for (unsigned long i = 0; fine && i < bits && i < 128; i++)
        fine = ((base[i / 8] ^ given[i / 8]) >> (7 - i % 8) & 1) == 0;
    return fine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    char *address = fuzz_part(&input, NULL), *network = fuzz_part(&input, NULL);
    char *items[] = { network };
    const struct vp_texts networks = { items, 1 };
    if (auth_cidr_is_valid(network) && auth_cidr_has(&networks, address))
        assert(is_in(network, address));
    if (!auth_cidr_is_valid(network))
        assert(!auth_cidr_has(&networks, address));
    free(address);
    free(network);
    return 0;
}
