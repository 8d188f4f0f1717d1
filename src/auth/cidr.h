/* Private to the room: addresses and networks, as token_bound_cidrs holds them. */
#pragma once

#include "vp/texts.h"

/* "10.1.2.3", "10.0.0.0/8", "2001:db8::1", "2001:db8::/32". */
bool auth_cidr_is_valid(const char *text);

/* Is the address in one of the networks? False for text that is no address. An IPv4 address in IPv6 clothes
 * (::ffff:10.1.2.3) is the IPv4 address. */
bool auth_cidr_has(const struct vp_texts *networks, const char *address);
