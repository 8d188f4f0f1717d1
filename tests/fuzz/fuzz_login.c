/* A whole login with Arvados responses from the input, and random failures of libc and json-c
 * calls. Refused, or every policy of the token has a link in the input that grants it. */
#include "vp/auth.h"
#include "vp/clock.h"
#include "vp/policy.h"

#include "failing.h"
#include "fake_arvados.h"
#include "fake_call.h"
#include "fuzz.h"

static struct {
    char *bodies[FAKE_N_RECORDS]; /* NULL: the honest answer */
    size_t lens[FAKE_N_RECORDS];
    int statuses[FAKE_N_RECORDS];
} lies;

static void answer(void *self, const struct http_exchange *exchange, struct fake_answer *told)
{
    enum fake_record record = fake_arvados_record(exchange);
    failing_pause();
    if (record == FAKE_N_RECORDS || lies.bodies[record] == NULL) {
        fake_arvados_answer(self, exchange, told);
    } else {
        told->status = lies.statuses[record];
        vp_buf_add(&told->body, lies.bodies[record], lies.lens[record]);
    }
    failing_resume();
}

static void check(const struct fake_mount *mount)
{
    const struct logical_auth *auth = mount->reply.auth;
    assert(auth->ttl_s >= 30 && auth->ttl_s <= 900 && auth->explicit_max_ttl_s > 0 &&
           auth->explicit_max_ttl_s <= 86400);
    assert(strlen(auth->alias_name) == 27 && strncmp(auth->alias_name, "zzzzz-tpzed-", 12) == 0);
    assert(auth->policies.n > 0 && auth->policies.n <= 64);
    for (size_t i = 0; i < auth->policies.n; i++) {
        const char *name = auth->policies.items[i];
        assert(policy_name_check(name) == POLICY_NAME_GOOD && strncmp(name, "arvados-", 8) == 0 && strlen(name) > 8);
        /* Nothing but a link of this answer grants it. */
        assert(strstr(lies.bodies[FAKE_LINKS] == NULL ? fake_arvados_body(FAKE_LINKS) : lies.bodies[FAKE_LINKS],
                      name) != NULL ||
               strchr(lies.bodies[FAKE_LINKS], '\\') != NULL);
    }
    assert(strstr(auth->internal_data, "aaaaabbbbb") == NULL); /* with a service token no lease holds a run token */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int STATUSES[] = { 200, 200, 200, 200, 401, 403, 404, 503 };
    struct fuzz_input input = { data, size };
    struct fake_mount mount;
    uint32_t seed = (uint32_t)fuzz_byte(&input) << 8 | fuzz_byte(&input);
    unsigned chance = fuzz_byte(&input); /* in 65536, for each call */
    while (input.left > 0) {
        uint8_t what = fuzz_byte(&input);
        enum fake_record record = (enum fake_record)(what % FAKE_N_RECORDS);
        free(lies.bodies[record]);
        lies.bodies[record] = fuzz_part(&input, &lies.lens[record]);
        lies.statuses[record] = STATUSES[what / 32];
    }
    fake_http_set(answer, NULL);
    fake_mount_init(&mount, auth_backend());
    enum vp_code code = fake_mount_call(&mount, LOGICAL_UPDATE, "config",
                                        "{\"arvados_api_host\":\"a.test\",\"cluster_id\":\"zzzzz\",\"allowed_policy_"
                                        "prefixes\":[\"arvados-\"],"
                                        "\"verify_connection\":false,\"service_token\":\"" FAKE_SERVICE "\"}");
    assert(code == VP_OK);
    struct logical_call call = fake_mount_new_call(&mount, LOGICAL_UPDATE, "login");
    struct vp_json *body = NULL;
    static const char LOGIN[] = "{\"token\":\"" FAKE_TOKEN "\"}";
    assert(vp_json_parse(LOGIN, sizeof LOGIN - 1,
                         &(struct vp_json_source){ "body", VP_REASON_BAD_REQUEST, 4096, 2, 20, 0, 0 }, &body,
                         &(struct vp_error){ 0 }) == VP_OK);
    call.data = body;
    failing_dice(seed, chance);
    code = fake_mount_run(&mount, &call);
    (void)failing_stop();
    if (code == VP_OK)
        check(&mount);
    else
        assert(mount.err.reason != VP_REASON_NONE && strstr(mount.err.message, "aaaaabbbbb") == NULL);
    vp_json_free(body);
    fake_mount_clear(&mount);
    for (size_t i = 0; i < FAKE_N_RECORDS; i++) {
        free(lies.bodies[i]);
        lies.bodies[i] = NULL;
    }
    return 0;
}
