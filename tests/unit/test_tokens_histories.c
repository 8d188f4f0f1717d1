/* Random lives of leases: mints, renewals, revocations, expiries, rotations, rollbacks, with requests that get lost, are done
 * without an answer or arrive late, storage that fails, and a process that dies at any of these steps. What must hold after each:
 *
 *   - no token is valid that no lease has, once one rollback has run (and none comes to be valid later);
 *   - no lease that cannot end: with Arvados back, revoking it succeeds and ends its tokens;
 *   - no token is valid for longer than its lease's max_ttl and a minute;
 *   - one administrator's token is valid, the one in the config;
 *   - nothing is left in the write-ahead log, and no secret in storage but the config's.
 *
 * Each history follows from its number: a failure names it. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/clock.h"
#include "vp/tokens.h"

#include "check.h"
#include "fake_call.h"
#include "fake_minting.h"
#include "lease.h"

enum { START_S = 1800000000, LEASES_MAX = 24, LATE_MAX = 8, STEPS = 14, MOUNT_MAX_S = 32 * 24 * 3600 };

/* A lease as the host keeps it. */
struct held {
    char *internal_data;
    int64_t issued_at_s, ends_at_s, max_ttl_s;
};

static struct {
    uint64_t dice;
    struct fake_minting arvados;
    struct fake_mount mount;
    struct held leases[LEASES_MAX];
    size_t n_leases;
    struct fake_minting_request late[LATE_MAX]; /* on their way: they arrive when nobody waits any more */
    size_t n_late;
    unsigned chance;   /* in 100: that a step goes wrong */
    unsigned crash_in; /* the process dies at the n-th step from now; 0: it does not */
    bool crashed;
    struct logical_storage honest, face;
    struct logical_system system;
    int64_t monotonic_ms;
} world;

static unsigned roll(unsigned n)
{
    world.dice ^= world.dice << 13;
    world.dice ^= world.dice >> 7;
    world.dice ^= world.dice << 17;
    return (unsigned)(world.dice >> 33) % n;
}

static int64_t tell_now(void *self)
{
    (void)self;
    return world.arvados.now_s;
}

static int64_t tell_monotonic(void *self)
{
    (void)self;
    return world.monotonic_ms;
}

static const struct vp_clock CLOCK = { tell_now, tell_monotonic, NULL };

/* ---- what can go wrong at a step ---- */

enum fate { DONE, NOT_DONE, DONE_UNHEARD, LATE };

static enum fate choose_fate(void)
{
    if (world.crashed)
        return NOT_DONE;
    if (world.crash_in > 0 && --world.crash_in == 0) {
        world.crashed = true;
        return roll(2) == 0 ? NOT_DONE : DONE_UNHEARD;
    }
    if (roll(100) >= world.chance)
        return DONE;
    return (enum fate)(1 + roll(3));
}

static void deliver_late(void)
{
    for (size_t i = 0; i < world.n_late; i++) {
        struct fake_answer nobody = { .body = VP_BUF_INIT(FAKE_BODY_MAX) };
        fake_minting_apply(&world.arvados, &world.late[i], &nobody);
        vp_buf_clear(&nobody.body);
    }
    world.n_late = 0;
}

static void answer(void *self, const struct http_exchange *exchange, struct fake_answer *ret_answer)
{
    const struct fake_minting_request request = fake_minting_request_of(exchange);
    if (roll(4) == 0)
        deliver_late();
    enum fate fate = choose_fate();
    (void)self;
    if (fate == LATE && world.n_late < LATE_MAX)
        world.late[world.n_late++] = request;
    if (fate == DONE || fate == DONE_UNHEARD)
        fake_minting_apply(&world.arvados, &request, ret_answer);
    if (fate == DONE)
        return;
    vp_buf_clear(&ret_answer->body);
    ret_answer->status = fate == DONE_UNHEARD && roll(2) == 0 ? 503 : 0;
    ret_answer->failure = ret_answer->status == 503 ? VP_REASON_NONE : VP_REASON_UPSTREAM_TIMEOUT;
}

static enum vp_code lost(struct vp_error *err)
{
    return vp_fail(err, VP_REASON_HOST, "the storage failed");
}

static enum vp_code get(void *self, const char *key, struct vp_cancel *cancel, struct vp_buf *value, bool *ret_found,
                        struct vp_error *err)
{
    (void)self;
    return choose_fate() != DONE ? lost(err) : world.honest.get(world.honest.self, key, cancel, value, ret_found, err);
}

static enum vp_code list(void *self, const char *prefix, struct vp_cancel *cancel, struct vp_texts *ret_keys,
                         struct vp_error *err)
{
    (void)self;
    return choose_fate() != DONE ? lost(err) : world.honest.list(world.honest.self, prefix, cancel, ret_keys, err);
}

static enum vp_code put(void *self, const char *key, const char *value, size_t len, bool seal_wrap,
                        struct vp_cancel *cancel, struct vp_error *err)
{
    enum fate fate = choose_fate();
    (void)self;
    if (fate == DONE || fate == DONE_UNHEARD)
        VP_TRY(world.honest.put(world.honest.self, key, value, len, seal_wrap, cancel, err));
    return fate == DONE ? VP_OK : lost(err);
}

static enum vp_code remove_key(void *self, const char *key, struct vp_cancel *cancel, struct vp_error *err)
{
    enum fate fate = choose_fate();
    (void)self;
    if (fate == DONE || fate == DONE_UNHEARD)
        VP_TRY(world.honest.remove(world.honest.self, key, cancel, err));
    return fate == DONE ? VP_OK : lost(err);
}

static enum vp_code lease_ttls(void *self, struct vp_cancel *cancel, int64_t *ret_default_s, int64_t *ret_max_s,
                               struct vp_error *err)
{
    (void)self;
    (void)cancel;
    (void)err;
    *ret_default_s = 3600;
    *ret_max_s = MOUNT_MAX_S;
    return VP_OK;
}

/* ---- the host ---- */

static void start_process(void)
{
    struct mount_shared *shared = world.mount.shared;
    shared->clock = &CLOCK;
    world.crashed = false;
    world.crash_in = 0;
}

/* What the process had in memory is gone. */
static void restart(void)
{
    world.mount.backend->mount_free(world.mount.mount);
    EXPECT_OK(world.mount.backend->mount_new(world.mount.shared, &world.mount.mount, &world.mount.err),
              &world.mount.err);
    start_process();
}

static enum vp_code send(enum logical_operation operation, const char *path, const char *body,
                         const struct logical_secret *secret)
{
    static const struct vp_json_source SOURCE = { "a body", VP_REASON_INTERNAL, 1 << 16, 8, 1000, 0, 0 };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct logical_call call = fake_mount_new_call(&world.mount, operation, path);
    struct vp_error *err = &world.mount.err;
    if (body != NULL)
        EXPECT_OK(vp_json_parse(body, strlen(body), &SOURCE, &document, err), err);
    call.data = document;
    call.storage = &world.face;
    call.system = &world.system;
    call.secret = secret;
    call.entity_id = "";
    const struct logical_match match = logical_find(world.mount.backend, operation, path);
    enum vp_code code = logical_dispatch(world.mount.backend, &match, &call, err);
    if (world.crashed) {
        restart();
        return VP_ERR_INTERNAL;
    }
    return code;
}

static void forget(size_t i)
{
    free(world.leases[i].internal_data);
    world.leases[i] = world.leases[--world.n_leases];
}

static struct logical_secret secret_of(const struct held *lease, int64_t increment_s)
{
    return (struct logical_secret){ .internal_data = lease->internal_data,
                                    .issued_at_s = lease->issued_at_s,
                                    .increment_s = increment_s };
}

static void keep(const struct logical_secret *secret)
{
    struct held *lease = &world.leases[world.n_leases++];
    *lease = (struct held){ .internal_data = strdup(secret->internal_data),
                            .issued_at_s = world.arvados.now_s,
                            .ends_at_s = world.arvados.now_s + secret->ttl_s,
                            .max_ttl_s = secret->max_ttl_s };
}

/* The answer reached the host, or it did not: then its client was gone, or the process died first. Afterwards the process may die
 * before it has finished. */
static void mint(void)
{
    static const char *const PATHS[] = { "creds/all", "creds/narrow", "creds/bob", "login/alice", "login/" FAKE_BOB };
    if (world.n_leases == LEASES_MAX || send(LOGICAL_READ, PATHS[roll(5)], NULL, NULL) != VP_OK)
        return;
    char *unsettled = VP_TAKE(world.mount.reply.unsettled);
    bool delivered = roll(8) != 0;
    EXPECT(unsettled != NULL);
    if (delivered)
        keep(world.mount.reply.secret);
    if (roll(8) == 0) {
        restart();
    } else {
        struct logical_call call = fake_mount_new_call(&world.mount, LOGICAL_UNKNOWN, "");
        call.storage = &world.face;
        call.system = &world.system;
        world.mount.backend->finish(&call, unsettled, delivered);
    }
    free(unsettled);
    if (world.crashed)
        restart();
}

static bool revoke(size_t i)
{
    const struct logical_secret secret = secret_of(&world.leases[i], 0);
    bool done = send(LOGICAL_REVOKE, "creds/all", NULL, &secret) == VP_OK;
    if (done)
        forget(i);
    return done;
}

static void renew(size_t i)
{
    static const int64_t WISHES_S[] = { 0, 60, 7200, 100 * 24 * 3600 };
    const struct logical_secret secret = secret_of(&world.leases[i], WISHES_S[roll(4)]);
    if (send(LOGICAL_RENEW, "creds/all", NULL, &secret) != VP_OK)
        return;
    const struct logical_secret *renewed = world.mount.reply.secret;
    struct held *lease = &world.leases[i];
    free(lease->internal_data);
    lease->internal_data = strdup(renewed->internal_data);
    EXPECT(renewed->ttl_s > 0);
    EXPECT(world.arvados.now_s + renewed->ttl_s <= lease->issued_at_s + lease->max_ttl_s);
    lease->ends_at_s = world.arvados.now_s + renewed->ttl_s;
}

static void expire(void)
{
    for (size_t i = 0; i < world.n_leases;)
        if (world.leases[i].ends_at_s > world.arvados.now_s || !revoke(i))
            i++;
}

static void step(void)
{
    if (roll(4) == 0)
        world.crash_in = 1 + roll(9);
    switch (roll(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
        mint();
        break;
    case 4:
        if (world.n_leases > 0)
            renew(roll((unsigned)world.n_leases));
        break;
    case 5:
        if (world.n_leases > 0)
            (void)revoke(roll((unsigned)world.n_leases));
        break;
    case 6:
        world.arvados.now_s += roll(5000);
        world.monotonic_ms += roll(2) == 0 ? 60000 : 180000;
        expire();
        break;
    case 7:
        (void)send(LOGICAL_ROLLBACK, "", NULL, NULL);
        break;
    case 8:
        (void)send(LOGICAL_UPDATE, "config/rotate-root", "{}", NULL);
        break;
    default:
        world.arvados.alice_inactive = roll(4) == 0;
        world.arvados.database_down = roll(6) == 0;
        if (roll(2) == 0)
            deliver_late();
        break;
    }
    world.crash_in = 0;
}

/* ---- what must hold ---- */

/* The secret, in whatever place it stands. */
static bool stands_in_a_lease(const char *secret)
{
    for (size_t i = 0; i < world.n_leases; i++)
        if (strstr(world.leases[i].internal_data, secret) != NULL)
            return true;
    return false;
}

static void check_tokens(unsigned number)
{
    unsigned admins = 0;
    const char *config = fake_storage_peek(world.mount.storage, "config");
    for (size_t i = 0; i < world.arvados.n; i++) {
        const struct fake_minted *token = &world.arvados.tokens[i];
        if (!fake_minted_valid(&world.arvados, token))
            continue;
        bool of_config = strstr(config, token->secret) != NULL;
        admins += of_config ? 1 : 0;
        if (!of_config && !stands_in_a_lease(token->secret))
            fail_msg("history %u: token %s of %s is valid without a lease", number, token->uuid, token->owner);
        if (!of_config && token->expires_at_s - START_S > 1000000000)
            fail_msg("history %u: token %s never expires", number, token->uuid);
    }
    if (admins != 1)
        fail_msg("history %u: %u administrator's tokens are valid", number, admins);
}

static void check_lifetimes(unsigned number)
{
    for (size_t i = 0; i < world.n_leases; i++)
        for (size_t j = 0; j < world.arvados.n; j++) {
            const struct fake_minted *token = &world.arvados.tokens[j];
            const struct held *lease = &world.leases[i];
            if (strstr(lease->internal_data, token->secret) != NULL && !token->deleted &&
                token->expires_at_s > lease->issued_at_s + lease->max_ttl_s + TOKENS_EXPIRY_MARGIN_S + 1)
                fail_msg("history %u: token %s outlives its lease", number, token->uuid);
        }
}

static void check_storage(unsigned number)
{
    struct vp_texts keys = { 0 };
    struct vp_error err = { 0 };
    EXPECT_OK(world.honest.list(world.honest.self, "wal/", NULL, &keys, &err), &err);
    if (keys.n > 0)
        fail_msg("history %u: %zu write-ahead entries are left", number, keys.n);
    vp_texts_clear(&keys);
}

/* Arvados is back and the process lives; requests that are still on their way arrive before the rollback, or after. */
static void settle_down(unsigned number)
{
    bool before = roll(2) == 0;
    world.chance = 0;
    world.arvados.database_down = false;
    world.arvados.alice_inactive = false;
    world.monotonic_ms += 600000; /* nothing of what failed is under way any more */
    if (before)
        deliver_late();
    EXPECT_OK(send(LOGICAL_ROLLBACK, "", NULL, NULL), &world.mount.err);
    deliver_late();
    check_tokens(number);
    check_lifetimes(number);
    check_storage(number);
    while (world.n_leases > 0)
        if (!revoke(0))
            fail_msg("history %u: a lease cannot end: %s", number, world.mount.err.message);
    check_tokens(number);
}

/* ---- histories ---- */

static void write_or_fail(const char *path, const char *body)
{
    EXPECT_OK(send(LOGICAL_UPDATE, path, body, NULL), &world.mount.err);
}

static void set_up(unsigned number)
{
    memset(&world, 0, sizeof world);
    world.dice = UINT64_C(88172645463325252) ^ ((uint64_t)number * UINT64_C(2654435761));
    fake_minting_init(&world.arvados, START_S);
    fake_http_set(answer, NULL);
    fake_mount_init(&world.mount, tokens_backend());
    world.honest = *fake_storage_face(world.mount.storage);
    world.face = (struct logical_storage){ get, put, remove_key, list, NULL };
    world.system = (struct logical_system){ .lease_ttls = lease_ttls };
    start_process();
    world.mount.backend->mount_free(world.mount.mount);
    EXPECT_OK(world.mount.backend->mount_new(world.mount.shared, &world.mount.mount, &world.mount.err),
              &world.mount.err);
    write_or_fail("config", "{\"arvados_api_host\":\"localhost:1\",\"admin_token\":\"" FAKE_ADMIN_TOKEN "\"}");
    write_or_fail("role/all", "{\"user\":\"" FAKE_ALICE "\"}");
    write_or_fail("role/narrow",
                  "{\"user\":\"" FAKE_ALICE "\",\"scopes\":\"GET /arvados/v1/users/current\",\"ttl\":600}");
    write_or_fail("role/bob", "{\"user\":\"" FAKE_BOB "\",\"max_ttl\":5400,\"ttl\":1800}");
    world.chance = roll(2) == 0 ? 0 : 2 + roll(20);
}

static void tear_down(void)
{
    fake_mount_clear(&world.mount);
    fake_http_set(NULL, NULL);
}

static void run(unsigned number)
{
    set_up(number);
    for (unsigned i = 0; i < STEPS; i++)
        step();
    settle_down(number);
    tear_down();
}

static unsigned wanted(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : (unsigned)strtoul(text, NULL, 10);
}

/* VPA_HISTORIES=n for more of them, VPA_HISTORY=n for a single one. */
TEST(no_token_is_valid_without_a_lease_and_no_lease_cannot_end)
{
    unsigned single = wanted("VPA_HISTORY", 0);
    unsigned n = wanted("VPA_HISTORIES", 600);
    if (single != 0)
        run(single);
    for (unsigned number = 1; single == 0 && number <= n; number++)
        run(number);
}

int main(void)
{
    const struct CMUnitTest tests[] = { CASE(no_token_is_valid_without_a_lease_and_no_lease_cannot_end) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
