/* A cluster of one user in one role with a running container, as answers of the fake http client: a grant to the user, one
 * to the role, and one that does not count. Knows paths, and of filters only
 * whether they are for another container, user or role. */
#pragma once

#include "fake_http.h"

#define FAKE_USER "zzzzz-tpzed-000000000000001"
#define FAKE_ROLE "zzzzz-j7d0g-000000000000001"
#define FAKE_CONTAINER "zzzzz-dz642-000000000000001"
#define FAKE_TOKEN_UUID "zzzzz-gj3su-000000000000001"
#define FAKE_TOKEN "v2/" FAKE_TOKEN_UUID "/aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjj/" FAKE_CONTAINER
#define FAKE_SALTED "v2/" FAKE_TOKEN_UUID "/0123456789abcdef0123456789abcdef01234567/" FAKE_CONTAINER
#define FAKE_SERVICE "v2/zzzzz-gj3su-000000000000009/sssssssssssssssssssssssssssssssssssssssssssssssss1"

enum fake_record {
    FAKE_DISCOVERY,
    FAKE_CONTAINER_CURRENT,
    FAKE_USER_CURRENT,
    FAKE_TOKEN_CURRENT,
    FAKE_CONTAINERS,
    FAKE_USERS,
    FAKE_LINKS,
    FAKE_MEMBERS,
    FAKE_GROUPS,
    FAKE_N_RECORDS,
};

/* Which of them a request asks for; FAKE_N_RECORDS: none. */
enum fake_record fake_arvados_record(const struct http_exchange *exchange);

/* The honest body. */
const char *fake_arvados_body(enum fake_record record);

/* A fake_http_answer; `self` may be NULL. A service token's own record is told to the service token. */
void fake_arvados_answer(void *self, const struct http_exchange *exchange, struct fake_answer *answer);
