/* The table of checks: whichever two of them are violated, login, renewal and explain name the same one. And what changes while
 * Arvados is asked counts for the request in flight. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/auth.h"
#include "vp/clock.h"

#include "check.h"
#include "decision.h"
#include "fake_arvados.h"
#include "fake_call.h"
#include "refusals.h"

static const int64_t NOW_S = 1800000000; /* 2027-01-15T08:00:00Z */

static int64_t tell_now(void *self)
{
    (void)self;
    return NOW_S;
}

static int64_t monotonic_ms = 1000;

static int64_t tell_monotonic(void *self)
{
    (void)self;
    return monotonic_ms;
}

static const struct vp_clock CLOCK = { tell_now, tell_monotonic, NULL };

/* ---- a scene: what is true of a login, all of it good unless a violation says otherwise ---- */

#define SECRET "aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjj"
#define SALTED_SECRET "0123456789abcdef0123456789abcdef01234567"
#define FOREIGN_TOKEN_UUID "yyyyy-gj3su-000000000000001"
#define SYSTEM_USER "zzzzz-tpzed-000000000000000"
#define IMAGE "fa3c1a9cb6783f85f2ecda037e07b8c3+167"

struct scene {
    const char *token_uuid;
    const char *secret;
    const char *lease_salt; /* "" or more members of the lease */
    const char *auth_uuid;  /* JSON */
    const char *runtime_user_uuid;
    const char *scopes;
    const char *state;
    const char *interactive;
    const char *is_active;
    const char *properties; /* of the user's grant */
    bool malformed;
    int service_status; /* of all that the service token asks; 0: answers */
    bool demoted;       /* the service token's user is no administrator */
    bool no_links;
    const char *config;  /* more members */
    const char *role[8]; /* likewise */
    size_t n_role;
};

static struct scene scene;

/* What a test does while Arvados is asked. */
static struct {
    void (*run)(void);
    enum fake_record at;
    unsigned asked[FAKE_N_RECORDS];
} meanwhile;

static void (*second_time)(void); /* runs when Arvados is asked for something again */

static bool bears_salted_token(const struct http_exchange *exchange)
{
    return strstr(vp_secret_reveal(exchange->bearer), SALTED_SECRET) != NULL;
}

static void add_container(struct vp_buf *body)
{
    vp_buf_add_format(body,
                      "{\"uuid\":\"" FAKE_CONTAINER "\",\"state\":\"%s\",\"auth_uuid\":%s,\"runtime_user_uuid\":\"%s\","
                      "\"container_image\":\"" IMAGE "\",\"started_at\":\"2027-01-15T07:00:00Z\","
                      "\"interactive_session_started\":%s,\"runtime_auth_scopes\":%s}",
                      scene.state, scene.auth_uuid, scene.runtime_user_uuid, scene.interactive, scene.scopes);
}

static void add_user(struct vp_buf *body)
{
    vp_buf_add_format(body, "{\"uuid\":\"" FAKE_USER "\",\"username\":\"alice\",\"is_active\":%s,\"is_admin\":false}",
                      scene.is_active);
}

static void add_link(struct vp_buf *body, const char *number, const char *name, const char *properties)
{
    vp_buf_add_format(body,
                      "{\"uuid\":\"zzzzz-o0j2j-00000000000000%s\",\"owner_uuid\":\"" SYSTEM_USER
                      "\",\"link_class\":\"vault_policy\",\"name\":\"%s\",\"tail_uuid\":\"" FAKE_USER
                      "\",\"head_uuid\":null,\"modified_by_user_uuid\":\"" SYSTEM_USER "\",\"properties\":%s}",
                      number, name, properties);
}

static void answer(void *self, const struct http_exchange *exchange, struct fake_answer *answer_)
{
    enum fake_record record = fake_arvados_record(exchange);
    struct vp_buf *body = &answer_->body;
    bool service =
        exchange->bearer != NULL && (strcmp(vp_secret_reveal(exchange->bearer), FAKE_SERVICE) == 0 ||
                                     strstr(vp_secret_reveal(exchange->bearer), "-000000000000008/") != NULL);
    assert_true(record < FAKE_N_RECORDS);
    if (++meanwhile.asked[record] == 1 && meanwhile.run != NULL && meanwhile.at == record)
        meanwhile.run();
    if (meanwhile.asked[record] == 2 && second_time != NULL)
        second_time();
    answer_->status = 200;
    if (!service && exchange->bearer != NULL && bears_salted_token(exchange) &&
        strstr(exchange->target, "remote=vlt01") == NULL) {
        answer_->status = 401;
        vp_buf_add_text(body, "{\"errors\":[\"Not logged in\"]}");
        return;
    }
    if (service && (scene.service_status != 0 || (scene.demoted && record == FAKE_USERS))) {
        answer_->status = scene.service_status != 0 ? scene.service_status : 403;
        vp_buf_add_text(body, "{\"errors\":[\"no\"]}");
        return;
    }
    switch (record) {
    case FAKE_CONTAINER_CURRENT:
        add_container(body);
        break;
    case FAKE_CONTAINERS:
        vp_buf_add_text(body, "{\"items\":[");
        add_container(body);
        vp_buf_add_text(body, "],\"limit\":2}");
        break;
    case FAKE_USER_CURRENT:
        add_user(body);
        break;
    case FAKE_USERS:
        vp_buf_add_text(body, "{\"items\":[");
        add_user(body);
        vp_buf_add_text(body, "],\"limit\":2}");
        break;
    case FAKE_TOKEN_CURRENT:
        if (service)
            fake_arvados_answer(self, exchange, answer_);
        else
            vp_buf_add_format(body,
                              "{\"uuid\":\"%s\",\"owner_uuid\":\"" FAKE_USER "\",\"scopes\":%s,\"expires_at\":null}",
                              scene.token_uuid, scene.scopes);
        break;
    case FAKE_LINKS:
        if (scene.no_links) {
            vp_buf_add_text(body, "{\"items\":[],\"items_available\":0}");
            break;
        }
        vp_buf_add_text(body, "{\"items\":[");
        add_link(body, "1", "arvados-mine", scene.properties);
        vp_buf_add_text(body, ",");
        add_link(body, "2", "arvados-more", "{}");
        vp_buf_add_text(body, "],\"items_available\":2}");
        break;
    case FAKE_MEMBERS:
    case FAKE_GROUPS:
        vp_buf_add_text(body, "{\"items\":[],\"limit\":1000}");
        break;
    case FAKE_DISCOVERY:
    case FAKE_N_RECORDS:
        fake_arvados_answer(self, exchange, answer_);
        break;
    }
}

/* ---- a mount in that scene ---- */

#define CONFIG                                                                                                   \
    "\"arvados_api_host\":\"arvados.test\",\"cluster_id\":\"zzzzz\",\"allowed_policy_prefixes\":[\"arvados-\"]," \
    "\"verify_connection\":false"

static struct fake_mount mount;
static int cache_ttl_s; /* 0: three calls a login */

static void reset_scene(void)
{
    scene = (struct scene){
        .token_uuid = FAKE_TOKEN_UUID,
        .secret = SECRET,
        .lease_salt = "",
        .auth_uuid = "\"" FAKE_TOKEN_UUID "\"",
        .runtime_user_uuid = FAKE_USER,
        .scopes = "[\"all\"]",
        .state = "Running",
        .interactive = "false",
        .is_active = "true",
        .properties = "{}",
        .config = "",
    };
    memset(&meanwhile, 0, sizeof meanwhile);
    second_time = NULL;
}

static void write_mount(bool with_service_token)
{
    char text[2048];
    (void)snprintf(text, sizeof text, "{" CONFIG ",\"cache_ttl\":%d%s%s}", cache_ttl_s,
                   with_service_token ? ",\"service_token\":\"" FAKE_SERVICE "\"" : "", scene.config);
    fake_http_set(answer, NULL);
    fake_mount_init(&mount, auth_backend());
    ((struct mount_shared *)mount.shared)->clock = &CLOCK;
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "config", text), &mount.err);
    size_t used = (size_t)snprintf(text, sizeof text, "{\"allow_admins\":false");
    for (size_t i = 0; i < scene.n_role; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, ",%s", scene.role[i]);
    (void)snprintf(text + used, sizeof text - used, "}");
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "role/r", text), &mount.err);
}

/* ---- the three ways of asking ---- */

enum way { LOGIN, RENEWAL, EXPLAIN_TOKEN, EXPLAIN_CONTAINER, N_WAYS };
static const char *const WAYS[N_WAYS] = { "login", "renewal", "explain token", "explain container" };

static const char *token_text(char text[256])
{
    if (scene.malformed)
        return "v1/x";
    (void)snprintf(text, 256, "v2/%s/%s/" FAKE_CONTAINER, scene.token_uuid, scene.secret);
    return text;
}

static const struct vp_json_source BODY = { "the request", VP_REASON_BAD_REQUEST, 65536, 8, 1000, 0, 0 };

/* The word of the reason; "granted" for none. */
static const char *reason_of_call(enum logical_operation operation, const char *path, const char *body)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct logical_call call = fake_mount_new_call(&mount, operation, path);
    EXPECT_OK(vp_json_parse(body, strlen(body), &BODY, &document, &mount.err), &mount.err);
    call.data = document;
    call.remote_addr = "10.1.2.3";
    enum vp_code code = fake_mount_run(&mount, &call);
    return code == VP_OK ? "granted" : vp_reason_word(mount.err.reason);
}

static const char *login(void)
{
    char token[256];
    char body[512];
    (void)snprintf(body, sizeof body, "{\"token\":\"%s\",\"role\":\"r\"}", token_text(token));
    return reason_of_call(LOGICAL_UPDATE, "login", body);
}

static const char *renew_as(const char *internal_data, const char *held)
{
    struct logical_auth auth = { .issued_at_s = NOW_S - 60 };
    struct logical_call call = fake_mount_new_call(&mount, LOGICAL_RENEW, "");
    auth.internal_data = strdup(internal_data);
    EXPECT_OK(vp_texts_add(&auth.policies, held, &mount.err), &mount.err);
    EXPECT_OK(vp_texts_add(&auth.token_policies, "default", &mount.err), &mount.err);
    call.auth = &auth;
    call.remote_addr = "10.1.2.3";
    enum vp_code code = fake_mount_run(&mount, &call);
    logical_auth_clear(&auth);
    return code == VP_OK ? "granted" : vp_reason_word(mount.err.reason);
}

static const char *renew(void)
{
    char lease[1024];
    (void)snprintf(lease, sizeof lease,
                   "{\"login_kind\":\"container\",\"role\":\"r\",\"user_uuid\":\"" FAKE_USER
                   "\",\"token_uuid\":\"%s\",\"runtime_token\":false,\"container_uuid\":\"" FAKE_CONTAINER "\"%s}",
                   scene.token_uuid, scene.lease_salt);
    return renew_as(lease, "arvados-mine");
}

static const char *explained_reason(void)
{
    static char word[64];
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    const char *text = vp_buf_text(&mount.reply.data);
    struct vp_error err = { 0 };
    EXPECT_OK(vp_json_parse(text, strlen(text), &BODY, &document, &err), &err);
    const struct vp_json *reason = vp_json_get(document, "reason");
    (void)snprintf(word, sizeof word, "%s", vp_json_type(reason) == VP_JSON_TEXT ? vp_json_text(reason) : "granted");
    return word;
}

static const char *explain(const char *field, const char *value)
{
    char body[512];
    (void)snprintf(body, sizeof body, "{\"%s\":\"%s\",\"role\":\"r\"}", field, value);
    const char *reason = reason_of_call(LOGICAL_UPDATE, "explain", body);
    return strcmp(reason, "granted") == 0 ? explained_reason() : reason;
}

static const char *ask(enum way way)
{
    char token[256];
    switch (way) {
    case LOGIN:
        return login();
    case RENEWAL:
        return renew();
    case EXPLAIN_TOKEN:
        return explain("token", token_text(token));
    case EXPLAIN_CONTAINER:
        return explain("container_uuid", FAKE_CONTAINER);
    case N_WAYS:
        break;
    }
    return "";
}

/* ---- one violation for each check ---- */

static void set_role(const char *member)
{
    scene.role[scene.n_role++] = member;
}

static void switch_off(void)
{
    scene.config = ",\"logins\":\"off-and-renewals\"";
}

static void malform(void)
{
    scene.malformed = true;
}

static void be_foreign(void)
{
    scene.token_uuid = FOREIGN_TOKEN_UUID;
    scene.auth_uuid = "\"" FOREIGN_TOKEN_UUID "\"";
}

static void call_from_elsewhere(void)
{
    set_role("\"token_bound_cidrs\":[\"192.0.2.0/24\"]");
}

static void salt(void)
{
    scene.secret = SALTED_SECRET;
    scene.lease_salt = ",\"salt_label\":\"vlt01\"";
}

static void narrow_scopes(void)
{
    scene.scopes = "[\"GET /arvados/v1/users\"]";
}

static void carry_runtime_token(void)
{
    scene.auth_uuid = "null";
}

static void finish(void)
{
    scene.state = "Complete";
}

static void open_shell(void)
{
    scene.interactive = "true";
}

static void bind_image(void)
{
    set_role("\"bound_container_images\":[\"00000000000000000000000000000000+1\"]");
}

static void deactivate(void)
{
    scene.is_active = "false";
}

static void bind_group(void)
{
    set_role("\"bound_group_uuids\":[\"zzzzz-j7d0g-000000000000009\"]");
}

static void close_window(void)
{
    set_role("\"login_window\":\"60s\"");
}

static void withdraw(void)
{
    scene.no_links = true;
}

static void allow_one_policy(void)
{
    set_role("\"token_policies\":[\"arvados-x\",\"arvados-y\"]");
    scene.config =
        scene.config[0] == '\0' ? ",\"max_policies\":1" : ",\"max_policies\":1,\"logins\":\"off-and-renewals\"";
}

static void expire_soon(void)
{
    scene.properties = "{\"expires_at\":\"2027-01-15T08:00:10Z\"}";
}

#define NOT_FOR_IT NULL
#define SAME(word)             \
    {                          \
        word, word, word, word \
    }

/* In the order of the table. `reasons`: by way of asking; NULL where the check does not apply. */
static const struct {
    const char *check;
    void (*violate)(void);
    const char *reasons[N_WAYS];
} VIOLATIONS[] = {
    { "logins", switch_off, SAME("logins_off") },
    { "token form", malform, { "token_malformed", NOT_FOR_IT, "token_malformed", NOT_FOR_IT } },
    { "cluster", be_foreign, SAME("cluster_not_allowed") },
    { "address", call_from_elsewhere, { "cidr_mismatch", "cidr_mismatch", NOT_FOR_IT, NOT_FOR_IT } },
    { "salted token", salt, { "token_rejected", "token_rejected", "token_rejected", NOT_FOR_IT } },
    { "identity", narrow_scopes, { "token_scope", NOT_FOR_IT, "token_scope", NOT_FOR_IT } },
    { "own token",
      carry_runtime_token,
      { "runtime_token", "container_not_running", "runtime_token", "runtime_token" } },
    { "container state", finish, SAME("container_not_running") },
    { "interactive session", open_shell, SAME("interactive_session") },
    { "image", bind_image, SAME("bound_mismatch:bound_container_images") },
    { "user standing", deactivate, SAME("user_inactive") },
    { "groups", bind_group, SAME("bound_mismatch:bound_group_uuids") },
    { "window", close_window, { "window_closed", NOT_FOR_IT, "window_closed", "window_closed" } },
    { "grants", withdraw, SAME("no_grant") },
    { "policies", allow_one_policy, SAME("too_many_policies") },
    { "lifetime", expire_soon, SAME("lifetime_too_short") },
};
enum { N_VIOLATIONS = sizeof VIOLATIONS / sizeof VIOLATIONS[0] };

/* What a row can't be combined with, since the one hides what the other is made of. */
static bool is_possible(size_t i, size_t j)
{
    /* A container whose own token is of another cluster carries no runtime token, and one that has ended none at all. */
    return !(VIOLATIONS[i].violate == be_foreign && VIOLATIONS[j].violate == carry_runtime_token) &&
           !(VIOLATIONS[i].violate == carry_runtime_token && VIOLATIONS[j].violate == finish);
}

static void expect_reasons(size_t i, size_t j)
{
    for (enum way way = LOGIN; way < N_WAYS; way++) {
        const char *wanted =
            VIOLATIONS[i].reasons[way] != NULL ? VIOLATIONS[i].reasons[way] : VIOLATIONS[j].reasons[way];
        const char *got = ask(way);
        if (strcmp(got, wanted == NULL ? "granted" : wanted) != 0)
            fail_msg("%s with %s and %s violated: %s instead of %s: %s (%s)", WAYS[way], VIOLATIONS[i].check,
                     VIOLATIONS[j].check, got, wanted == NULL ? "granted" : wanted, mount.err.message,
                     mount.err.detail);
    }
}

TEST(without_a_violation_all_ways_grant)
{
    reset_scene();
    write_mount(true);
    for (enum way way = LOGIN; way < N_WAYS; way++)
        EXPECT_TEXT("granted", ask(way));
    fake_mount_clear(&mount);
}

static void expect_first_of_two(void)
{
    unsigned n_pairs = 0;
    for (size_t i = 0; i < N_VIOLATIONS; i++)
        for (size_t j = i; j < N_VIOLATIONS; j++) {
            if (!is_possible(i, j))
                continue;
            reset_scene();
            VIOLATIONS[i].violate();
            if (j != i)
                VIOLATIONS[j].violate();
            write_mount(true);
            expect_reasons(i, j);
            fake_mount_clear(&mount);
            n_pairs++;
        }
    assert_int_equal(n_pairs, N_VIOLATIONS * (N_VIOLATIONS + 1) / 2 - 2);
}

static bool gives(const struct auth_check *check, const char *word)
{
    for (size_t i = 0; check->reasons[i] != VP_REASON_NONE; i++)
        if (strcmp(vp_reason_word(check->reasons[i]), word) == 0)
            return true;
    return false;
}

/* "lease" and "token kind" have tests of their own below. */
TEST(of_two_violations_login_renewal_and_explain_name_the_one_that_is_first_in_the_table)
{
    expect_first_of_two();
    cache_ttl_s = 10; /* one call a login */
    expect_first_of_two();
    cache_ttl_s = 0;
}

TEST(the_violations_are_in_the_order_of_the_table_and_its_rows_name_their_reasons)
{
    size_t at = 0;
    for (const struct auth_check *check = AUTH_CHECKS; check->name != NULL; check++) {
        EXPECT(check->reasons[0] != VP_REASON_NONE);
        EXPECT_INT(VP_REASON_NONE, check->reasons[sizeof check->reasons / sizeof check->reasons[0] - 1]);
        if (strcmp(check->name, "lease") == 0 || strcmp(check->name, "token kind") == 0)
            continue;
        EXPECT_TEXT(check->name, VIOLATIONS[at].check);
        for (enum way way = LOGIN; way < N_WAYS; way++) {
            const char *word = VIOLATIONS[at].reasons[way];
            /* A salted token that the role does not take is refused by Arvados at a login, and so by the identity. */
            if (word != NULL && !gives(check, word))
                fail_msg("check %s does not list %s", check->name, word);
        }
        at++;
    }
    EXPECT_INT(N_VIOLATIONS, at);
}

/* ---- the page ---- */

#define PAGE "../../docs/explanation/architecture.md"
#define BEGIN "<!-- checks: written by test_auth_decision -->\n"
#define END "<!-- end of checks -->\n"

static void add_row(struct vp_buf *table, const struct auth_check *check)
{
    static const char *const FACTS[] = { "none", "identity", "grants" };
    const char *separator = "";
    vp_buf_add_format(table, "| %s | %s | ", check->name, FACTS[check->needs]);
    for (size_t i = 0; i < 3; i++) {
        if ((check->kinds & (1U << i)) == 0)
            continue;
        vp_buf_add_format(table, "%s%s", separator, (const char *const[]){ "login", "renewal", "explain" }[i]);
        separator = ", ";
    }
    vp_buf_add_format(table, " | %s | ", check->summary);
    for (size_t i = 0; check->reasons[i] != VP_REASON_NONE; i++)
        vp_buf_add_format(table, "%s`%s`", i == 0 ? "" : ", ", vp_reason_word(check->reasons[i]));
    vp_buf_add_text(table, " |\n");
}

static char *read_page(void)
{
    FILE *file = fopen(PAGE, "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    assert_true(len > 0);
    (void)fclose(file);
    return text;
}

/* VPA_WRITE_DOCS=1 writes the table into the page instead. */
TEST(the_page_has_the_table_as_the_code_has_it)
{
    struct vp_buf table = VP_BUF_INIT(65536);
    vp_buf_add_text(&table, "| check | facts | applies to | what must hold | reasons |\n|---|---|---|---|---|\n");
    for (const struct auth_check *check = AUTH_CHECKS; check->name != NULL; check++)
        add_row(&table, check);
    char *page = read_page();
    char *begin = strstr(page, BEGIN);
    assert_non_null(begin);
    begin += strlen(BEGIN);
    const char *end = strstr(begin, END);
    assert_non_null(end);
    if (getenv("VPA_WRITE_DOCS") != NULL) {
        FILE *file = fopen(PAGE, "w");
        assert_non_null(file);
        (void)fprintf(file, "%.*s%s%s", (int)(begin - page), page, vp_buf_text(&table), end);
        (void)fclose(file);
    } else if ((size_t)(end - begin) != table.len || strncmp(begin, vp_buf_text(&table), table.len) != 0) {
        fail_msg(PAGE " has another table of checks; run this program with VPA_WRITE_DOCS=1");
    }
    vp_buf_clear(&table);
    free(page);
}

/* ---- changes while Arvados is asked ---- */

/* A request of an administrator that comes in the midst of another: on the same mount, with a reply of its own. */
static void administer(enum logical_operation operation, const char *path, const char *body)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct logical_reply reply = { .data = VP_BUF_INIT(LOGICAL_REPLY_MAX) };
    struct vp_error err = { 0 };
    struct logical_call call = {
        .operation = operation,
        .path = path,
        .request_id = "admin-1",
        .mount_point = "auth/arvados/",
        .storage = fake_storage_face(mount.storage),
        .mount = mount.mount,
        .reply = &reply,
    };
    if (body != NULL)
        EXPECT_OK(vp_json_parse(body, strlen(body), &BODY, &document, &err), &err);
    call.data = document;
    const struct logical_match match = logical_find(mount.backend, operation, path);
    EXPECT_OK(logical_dispatch(mount.backend, &match, &call, &err), &err);
    logical_reply_clear(&reply);
}

static void delete_config(void)
{
    administer(LOGICAL_DELETE, "config", NULL);
}

static void delete_role(void)
{
    administer(LOGICAL_CREATE, "role/other", "{}"); /* else a mount without roles has the defaults of none */
    administer(LOGICAL_DELETE, "role/r", NULL);
}

static void bind_role(void)
{
    administer(LOGICAL_UPDATE, "role/r", "{\"bound_user_uuids\":[\"zzzzz-tpzed-000000000000002\"]}");
}

static void switch_logins_off(void)
{
    administer(LOGICAL_UPDATE, "config", "{\"logins\":\"off-and-renewals\"}");
}

static void narrow_to_nothing(void)
{
    administer(LOGICAL_UPDATE, "config", "{\"allowed_policy_prefixes\":[\"other-\"]}");
}

TEST(what_is_withdrawn_while_arvados_is_asked_is_not_granted)
{
    static const struct {
        void (*change)(void);
        const char *reason;
    } ROWS[] = {
        { delete_config, "not_configured" },
        { delete_role, "role_unknown" },
        { bind_role, "bound_mismatch:bound_user_uuids" },
        { narrow_to_nothing, "no_grant" },
        { switch_logins_off, "logins_off" },
    };
    static const enum way WAYS_TRIED[] = { LOGIN, RENEWAL };
    static const enum fake_record MOMENTS[] = { FAKE_USERS, FAKE_LINKS };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        for (size_t w = 0; w < 2; w++)
            for (size_t m = 0; m < 2; m++) {
                reset_scene();
                write_mount(true);
                memset(&meanwhile, 0, sizeof meanwhile);
                meanwhile.run = ROWS[i].change;
                meanwhile.at = WAYS_TRIED[w] == LOGIN && MOMENTS[m] == FAKE_USERS ? FAKE_USER_CURRENT : MOMENTS[m];

                EXPECT_TEXT(ROWS[i].reason, ask(WAYS_TRIED[w]));

                fake_mount_clear(&mount);
            }
}

static void allow_one_of_two(void)
{
    administer(LOGICAL_UPDATE, "config", "{\"allowed_policies\":[\"arvados-more\"]}");
}

TEST(a_login_in_flight_gets_what_a_narrowed_config_still_allows)
{
    reset_scene();
    write_mount(true);
    memset(&meanwhile, 0, sizeof meanwhile);
    meanwhile.run = allow_one_of_two;
    meanwhile.at = FAKE_LINKS;
    EXPECT_TEXT("granted", login());
    EXPECT_INT(1, mount.reply.auth->policies.n);
    EXPECT_TEXT("arvados-more", mount.reply.auth->policies.items[0]);
    fake_mount_clear(&mount);
}

static unsigned n_changes;

static void change_always(void)
{
    administer(LOGICAL_UPDATE, "role/r", "{\"token_ttl\":\"20m\"}");
    monotonic_ms += 1000;
    n_changes++;
    meanwhile.asked[FAKE_LINKS] = 0; /* and again at the next look */
}

TEST(a_mount_that_never_rests_is_an_outage_within_the_requests_own_time)
{
    reset_scene();
    write_mount(true);
    memset(&meanwhile, 0, sizeof meanwhile);
    meanwhile.run = change_always;
    meanwhile.at = FAKE_LINKS;
    EXPECT_TEXT("upstream_timeout", login());
    EXPECT_INT(10, n_changes); /* request_timeout is 10 s, and each took one */
    fake_mount_clear(&mount);
}

/* ---- how the token of a login was made ---- */

#define LEASE(more)                                                                                                  \
    "{\"login_kind\":\"container\",\"role\":\"r\",\"user_uuid\":\"" FAKE_USER "\",\"token_uuid\":\"" FAKE_TOKEN_UUID \
    "\",\"container_uuid\":\"" FAKE_CONTAINER "\"" more "}"

TEST(a_login_with_a_salted_token_is_renewed_only_while_the_role_accepts_that_label)
{
    reset_scene();
    scene.secret = SALTED_SECRET;
    set_role("\"allow_salted\":true,\"salt_label\":\"vlt01\"");
    write_mount(true);
    EXPECT_TEXT("granted", login());
    char *lease = strdup(mount.reply.auth->internal_data);
    EXPECT_CONTAINS("\"salt_label\":\"vlt01\"", lease);
    EXPECT_TEXT("granted", renew_as(lease, "arvados-mine"));

    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "role/r", "{\"salt_label\":\"vlt02\"}"), &mount.err);
    EXPECT_TEXT("token_rejected", renew_as(lease, "arvados-mine"));

    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "role/r", "{\"salt_label\":\"vlt01\",\"allow_salted\":false}"),
              &mount.err);
    EXPECT_TEXT("token_rejected", renew_as(lease, "arvados-mine"));
    free(lease);
    fake_mount_clear(&mount);
}

TEST(a_lease_of_a_version_without_salt_labels_is_still_renewed)
{
    reset_scene();
    write_mount(true);
    EXPECT_TEXT("granted", renew_as(LEASE(",\"runtime_token\":false"), "arvados-mine"));
    fake_mount_clear(&mount);
}

TEST(a_lease_that_does_not_fit_the_mount_is_refused_before_arvados_is_asked)
{
    static const char *const LEASES[] = {
        "{\"login_kind\":\"user\",\"user_uuid\":\"" FAKE_USER "\",\"token_uuid\":\"" FAKE_TOKEN_UUID
        "\",\"role\":\"r\"}",
        /* Arvados would pass the question on, with the service token. */
        "{\"login_kind\":\"container\",\"role\":\"r\",\"user_uuid\":\"" FAKE_USER "\",\"token_uuid\":\"" FAKE_TOKEN_UUID
        "\",\"container_uuid\":\"yyyyy-dz642-000000000000001\"}",
    };
    reset_scene();
    write_mount(true);
    memset(&meanwhile, 0, sizeof meanwhile);
    for (size_t i = 0; i < sizeof LEASES / sizeof LEASES[0]; i++)
        EXPECT_TEXT("bad_request", renew_as(LEASES[i], "arvados-mine"));
    for (int record = 0; record < FAKE_N_RECORDS; record++)
        EXPECT_INT(0, meanwhile.asked[record]);
    fake_mount_clear(&mount);
}

TEST(a_lease_without_run_token_is_not_renewed_on_a_mount_without_service_token)
{
    reset_scene();
    write_mount(false);
    EXPECT_TEXT("service_token_missing", renew_as(LEASE(""), "arvados-mine"));
    fake_mount_clear(&mount);
}

/* ---- other rows ---- */

TEST(a_token_that_names_a_container_is_not_sent_anywhere_by_a_user_mount)
{
    reset_scene();
    scene.config = ",\"login_kind\":\"user\"";
    write_mount(true);
    memset(&meanwhile, 0, sizeof meanwhile);
    EXPECT_TEXT("not_user_token", login());
    EXPECT_TEXT("not_user_token", ask(EXPLAIN_TOKEN));
    EXPECT_INT(0, meanwhile.asked[FAKE_USER_CURRENT]);
    fake_mount_clear(&mount);
}

TEST(explain_asks_no_other_cluster_for_a_container)
{
    reset_scene();
    write_mount(true);
    memset(&meanwhile, 0, sizeof meanwhile);
    EXPECT_TEXT("bad_request", explain("container_uuid", "yyyyy-dz642-000000000000001"));
    EXPECT_INT(0, meanwhile.asked[FAKE_CONTAINERS]);
    fake_mount_clear(&mount);
}

TEST(a_container_of_a_merged_user_is_refused_by_that_name_with_both_users)
{
    reset_scene();
    scene.runtime_user_uuid = "zzzzz-tpzed-00000000000merg";
    write_mount(true);
    EXPECT_TEXT("user_merged", login());
    EXPECT_CONTAINS("zzzzz-tpzed-00000000000merg", mount.err.detail);
    EXPECT_CONTAINS(FAKE_USER, mount.err.detail);
    EXPECT_LACKS("merg", mount.err.message);
    EXPECT_TEXT("user_merged", ask(EXPLAIN_TOKEN));
    fake_mount_clear(&mount);
}

TEST(policies_are_the_granted_and_the_roles_as_far_as_the_mount_allows_them)
{
    reset_scene();
    set_role("\"token_policies\":[\"arvados-mine\",\"arvados-role\",\"arvados-late\"]");
    write_mount(true);
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "config",
                              "{\"allowed_policies\":[\"arvados-mine\",\"arvados-more\",\"arvados-role\"],\"max_"
                              "policies\":3}"),
              &mount.err);
    EXPECT_TEXT("granted", login());
    const struct vp_texts *policies = &mount.reply.auth->policies;
    EXPECT_INT(3, policies->n); /* what both give counts once, and what the mount no longer allows not at all */
    EXPECT(vp_texts_has(policies, "arvados-mine") && vp_texts_has(policies, "arvados-more") &&
           vp_texts_has(policies, "arvados-role"));
    EXPECT_INT(1, mount.reply.warnings.n);
    EXPECT_CONTAINS("arvados-late", mount.reply.warnings.items[0]);

    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "config", "{\"max_policies\":2}"), &mount.err);
    EXPECT_TEXT("too_many_policies", login());
    fake_mount_clear(&mount);
}

TEST(logins_off_leaves_renewals_alone)
{
    reset_scene();
    scene.config = ",\"logins\":\"off\"";
    write_mount(true);
    EXPECT_TEXT("logins_off", login());
    EXPECT_CONTAINS("logins are switched off", mount.err.message);
    EXPECT_TEXT("logins_off", ask(EXPLAIN_TOKEN));
    EXPECT_TEXT("granted", renew());
    fake_mount_clear(&mount);
}

/* ---- the service token ---- */

enum { MINUTE_MS = 60 * 1000 };

TEST(a_service_token_that_worked_within_the_last_hour_gets_ten_minutes_before_it_is_called_bad)
{
    reset_scene();
    write_mount(true);
    EXPECT_TEXT("granted", login());

    monotonic_ms += 59 * MINUTE_MS;
    scene.service_status = 401;
    EXPECT_TEXT("upstream_error", login());
    EXPECT_TEXT("upstream_error", renew());
    monotonic_ms += 9 * MINUTE_MS;
    EXPECT_TEXT("upstream_error", login());
    monotonic_ms += 2 * MINUTE_MS;
    EXPECT_TEXT("service_token", login());
    EXPECT_TEXT("service_token", renew());

    scene.service_status = 0;
    EXPECT_TEXT("granted", login());
    scene.service_status = 401;
    EXPECT_TEXT("upstream_error", renew());

    /* A change of a role drops the configuration that requests work with, and not this. */
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "role/r", "{\"token_ttl\":\"5m\"}"), &mount.err);
    EXPECT_TEXT("upstream_error", renew());
    /* 403 is no outage. */
    scene.service_status = 403;
    EXPECT_TEXT("service_token", renew());
    fake_mount_clear(&mount);
}

TEST(a_service_token_that_did_not_work_of_late_is_called_bad_at_once)
{
    reset_scene();
    write_mount(true);
    scene.service_status = 401;
    EXPECT_TEXT("service_token", renew());
    scene.service_status = 0;
    EXPECT_TEXT("granted", renew());
    monotonic_ms += 61 * MINUTE_MS;
    scene.service_status = 401;
    EXPECT_TEXT("service_token", renew());
    fake_mount_clear(&mount);
}

TEST(what_is_known_of_one_service_token_says_nothing_of_the_next)
{
    reset_scene();
    write_mount(true);
    EXPECT_TEXT("granted", renew());
    scene.service_status = 401;
    EXPECT_TEXT("upstream_error", renew());
    EXPECT_OK(fake_mount_call(&mount, LOGICAL_UPDATE, "config",
                              "{\"service_token\":\"v2/zzzzz-gj3su-000000000000008/"
                              "tttttttttttttttttttttttttttttttttttttttttttttttttt\"}"),
              &mount.err);
    EXPECT_TEXT("service_token", renew());
    fake_mount_clear(&mount);
}

static void accept_again(void)
{
    scene.service_status = 0;
}

TEST(one_401_for_the_service_token_is_asked_again)
{
    reset_scene();
    write_mount(true);
    memset(&meanwhile, 0, sizeof meanwhile);
    scene.service_status = 401;
    second_time = accept_again;
    EXPECT_TEXT("granted", renew());
    EXPECT_INT(2, meanwhile.asked[FAKE_CONTAINERS]);
    fake_mount_clear(&mount);
}

TEST(an_empty_list_proves_nothing_with_a_token_that_is_no_administrators)
{
    reset_scene();
    scene.no_links = true;
    write_mount(true);
    EXPECT_TEXT("no_grant", login());
    scene.demoted = true;
    for (enum way way = LOGIN; way < N_WAYS; way++)
        EXPECT_TEXT("service_token", ask(way));
    scene.no_links = false; /* some are visible to anybody: they may be too few */
    for (enum way way = LOGIN; way < N_WAYS; way++)
        EXPECT_TEXT("service_token", ask(way));
    fake_mount_clear(&mount);
}

/* ---- one call ---- */

static void expect_asked(unsigned containers, unsigned users, unsigned tokens, unsigned lists)
{
    EXPECT_INT(containers, meanwhile.asked[FAKE_CONTAINER_CURRENT]);
    EXPECT_INT(users, meanwhile.asked[FAKE_USER_CURRENT]);
    EXPECT_INT(tokens, meanwhile.asked[FAKE_TOKEN_CURRENT]);
    EXPECT_INT(lists, meanwhile.asked[FAKE_USERS] + meanwhile.asked[FAKE_LINKS] + meanwhile.asked[FAKE_GROUPS] +
                          meanwhile.asked[FAKE_MEMBERS]);
    memset(&meanwhile, 0, sizeof meanwhile);
}

TEST(a_warm_login_asks_arvados_for_its_container_only)
{
    cache_ttl_s = 10;
    reset_scene();
    write_mount(true);
    memset(&meanwhile, 0, sizeof meanwhile);
    EXPECT_TEXT("granted", login());
    expect_asked(1, 0, 0, 4); /* the table: links to groups, proof; the user: record, own links */
    EXPECT_TEXT("granted", login());
    expect_asked(1, 0, 0, 0);
    monotonic_ms += 10000;
    EXPECT_TEXT("granted", login());
    expect_asked(1, 0, 0, 4);
    fake_mount_clear(&mount);
    cache_ttl_s = 0;
}

TEST(a_container_that_does_not_say_enough_is_asked_about_in_three_calls)
{
    cache_ttl_s = 10;
    reset_scene();
    scene.auth_uuid = "null";
    set_role("\"allow_runtime_token\":true");
    write_mount(true);
    memset(&meanwhile, 0, sizeof meanwhile);
    EXPECT_TEXT("granted", login());
    expect_asked(2, 1, 1, 4);
    fake_mount_clear(&mount);

    reset_scene();
    scene.auth_uuid = "\"zzzzz-gj3su-000000000000008\"";
    write_mount(true);
    memset(&meanwhile, 0, sizeof meanwhile);
    EXPECT_TEXT("upstream_bad_answer", login());
    fake_mount_clear(&mount);
    cache_ttl_s = 0;
}

TEST(who_is_deactivated_is_refused_cache_ttl_later_at_most)
{
    cache_ttl_s = 10;
    reset_scene();
    write_mount(true);
    EXPECT_TEXT("granted", login());
    scene.is_active = "false";
    EXPECT_TEXT("granted", login());
    EXPECT_TEXT("user_inactive", renew());
    EXPECT_TEXT("user_inactive", ask(EXPLAIN_TOKEN));
    monotonic_ms += 10000;
    EXPECT_TEXT("user_inactive", login());
    fake_mount_clear(&mount);
    cache_ttl_s = 0;
}

TEST(a_user_without_grants_is_looked_up_again_once_a_second)
{
    cache_ttl_s = 10;
    reset_scene();
    scene.no_links = true;
    write_mount(true);
    memset(&meanwhile, 0, sizeof meanwhile);
    EXPECT_TEXT("no_grant", login());
    memset(&meanwhile, 0, sizeof meanwhile);
    EXPECT_TEXT("no_grant", login());
    expect_asked(1, 0, 0, 0);
    monotonic_ms += 1000;
    scene.no_links = false; /* "I just granted it" */
    EXPECT_TEXT("granted", login());
    fake_mount_clear(&mount);
    cache_ttl_s = 0;
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(without_a_violation_all_ways_grant),
        CASE(of_two_violations_login_renewal_and_explain_name_the_one_that_is_first_in_the_table),
        CASE(the_violations_are_in_the_order_of_the_table_and_its_rows_name_their_reasons),
        CASE(the_page_has_the_table_as_the_code_has_it),
        CASE(what_is_withdrawn_while_arvados_is_asked_is_not_granted),
        CASE(a_login_in_flight_gets_what_a_narrowed_config_still_allows),
        CASE(a_mount_that_never_rests_is_an_outage_within_the_requests_own_time),
        CASE(a_login_with_a_salted_token_is_renewed_only_while_the_role_accepts_that_label),
        CASE(a_lease_of_a_version_without_salt_labels_is_still_renewed),
        CASE(a_lease_that_does_not_fit_the_mount_is_refused_before_arvados_is_asked),
        CASE(a_lease_without_run_token_is_not_renewed_on_a_mount_without_service_token),
        CASE(a_token_that_names_a_container_is_not_sent_anywhere_by_a_user_mount),
        CASE(explain_asks_no_other_cluster_for_a_container),
        CASE(a_container_of_a_merged_user_is_refused_by_that_name_with_both_users),
        CASE(policies_are_the_granted_and_the_roles_as_far_as_the_mount_allows_them),
        CASE(logins_off_leaves_renewals_alone),
        CASE(a_service_token_that_worked_within_the_last_hour_gets_ten_minutes_before_it_is_called_bad),
        CASE(a_service_token_that_did_not_work_of_late_is_called_bad_at_once),
        CASE(what_is_known_of_one_service_token_says_nothing_of_the_next),
        CASE(one_401_for_the_service_token_is_asked_again),
        CASE(an_empty_list_proves_nothing_with_a_token_that_is_no_administrators),
        CASE(a_warm_login_asks_arvados_for_its_container_only),
        CASE(a_container_that_does_not_say_enough_is_asked_about_in_three_calls),
        CASE(who_is_deactivated_is_refused_cache_ttl_later_at_most),
        CASE(a_user_without_grants_is_looked_up_again_once_a_second),
    };
    return cmocka_run_group_tests_name("auth_decision", cases, NULL, NULL);
}
