/* An Arvados that mints and ends tokens, in memory, as answers of the fake http client: by the rules of
 * tests/data/arvados-recordings/minting.json. Two users and one administrator; a clock that the test sets. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fake_http.h"

#define FAKE_ADMIN "zzzzz-tpzed-adminadminadmin"
#define FAKE_ALICE "zzzzz-tpzed-aliceaaaaaaaaaa"
#define FAKE_BOB "zzzzz-tpzed-bobbbbbbbbbbbbb"

enum { FAKE_TOKENS_MAX = 512, FAKE_SCOPES_SIZE = 512, FAKE_SECRET_SIZE = 129 };

struct fake_minted {
    char uuid[28];
    char owner[28];
    char secret[FAKE_SECRET_SIZE];
    char scopes[FAKE_SCOPES_SIZE]; /* as JSON */
    int64_t expires_at_s;          /* INT64_MAX: never */
    bool deleted;
};

struct fake_minting {
    int64_t now_s;
    bool database_down; /* 401 to every token, 500 to a log-out */
    bool alice_inactive;
    bool bob_is_admin;
    struct fake_minted tokens[FAKE_TOKENS_MAX];
    size_t n;
};

/* With one token of the administrator, scopes ["all"], whose v2 form is FAKE_ADMIN_TOKEN. */
#define FAKE_ADMIN_TOKEN "v2/zzzzz-gj3su-admin0000000000/adminsecretadminsecretadminsecretadminsecretadmi50"
void fake_minting_init(struct fake_minting *arvados, int64_t now_s);

/* A request: what it changes, and its answer. */
struct fake_minting_request {
    enum http_method method;
    char target[1024];
    char bearer[256];
    char body[4096];
};
struct fake_minting_request fake_minting_request_of(const struct http_exchange *exchange);
void fake_minting_apply(struct fake_minting *arvados, const struct fake_minting_request *request,
                        struct fake_answer *answer);

bool fake_minted_valid(const struct fake_minting *arvados, const struct fake_minted *token);
