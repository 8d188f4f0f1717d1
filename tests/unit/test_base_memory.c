/* Memory that can't be had, one allocation after the other: a failure that says so, nothing half done or leaked. */
#include <stdlib.h>

#include "vp/buf.h"
#include "vp/clock.h"
#include "vp/json.h"
#include "vp/logical.h"
#include "vp/policy.h"
#include "vp/secret.h"
#include "vp/texts.h"

#include "check.h"
#include "failing.h"

typedef enum vp_code (*attempt)(struct vp_error *err);

/* Lets the n-th allocation and all later ones fail, for n = 0, 1, ... until the attempt passes. Returns that n. An
 * attempt checks its own results with memory as it pleases: it ends the shortage first. */
static int starve(attempt try_it)
{
    for (int n = 0; n < 1000; n++) {
        struct vp_error err = { 0 };
        failing_from((unsigned)n + 1);
        enum vp_code code = try_it(&err);
        (void)failing_stop();
        if (code == VP_OK)
            return n;
        EXPECT_INT(VP_REASON_INTERNAL, err.reason);
        EXPECT_INT(VP_ERR_INTERNAL, code);
        EXPECT_CONTAINS("memory", err.message);
    }
    fail_msg("never enough memory");
    return -1;
}

/* ---- base ---- */

static enum vp_code add_texts(struct vp_error *err)
{
    struct vp_texts texts = { 0 };
    enum vp_code code = vp_texts_add(&texts, "first", err);
    if (code == VP_OK)
        code = vp_texts_add(&texts, "second", err);
    EXPECT(code != VP_OK || texts.n == 2);
    for (size_t i = 0; i < texts.n; i++)
        EXPECT(texts.items[i] != NULL);
    vp_texts_clear(&texts);
    return code;
}

static enum vp_code copy_texts(struct vp_error *err)
{
    static char first[] = "first";
    static char second[] = "second";
    static char *items[] = { first, second };
    const struct vp_texts texts = { items, 2 };
    struct vp_texts copy = { NULL, 77 };
    enum vp_code code = vp_texts_copy(&texts, &copy, err);
    EXPECT_INT(code == VP_OK ? 2 : 77, copy.n); /* written only on success */
    if (code == VP_OK)
        vp_texts_clear(&copy);
    return code;
}

TEST(lists_of_texts_stay_whole)
{
    EXPECT_INT(4, starve(add_texts));
    EXPECT_INT(4, starve(copy_texts));
}

static enum vp_code fill_buffer(struct vp_error *err)
{
    struct vp_buf buf = VP_BUF_INIT(100000);
    for (int i = 0; i < 1000; i++)
        vp_buf_add_format(&buf, "line %d\n", i);
    vp_buf_add_text(&buf, "end");
    enum vp_code code = vp_buf_check(&buf, "the buffer", err);
    size_t len = strlen(vp_buf_text(&buf));
    EXPECT_INT(buf.len, len);
    EXPECT((code == VP_OK) == (len > 3 && strcmp(vp_buf_text(&buf) + len - 3, "end") == 0));
    vp_buf_clear(&buf);
    return code;
}

TEST(a_buffer_adds_nothing_more_once_an_add_failed)
{
    EXPECT(starve(fill_buffer) > 3);
}

TEST(an_empty_buffer_gives_nothing_away_without_memory)
{
    struct vp_buf buf = VP_BUF_INIT(10);
    failing_from(1);
    EXPECT_NULL(vp_buf_take(&buf));
    (void)failing_stop();
    char *text = vp_buf_take(&buf); /* and is as good as new */
    EXPECT_TEXT("", text);
    free(text);
}

TEST(a_secret_is_made_whole_or_not_at_all)
{
    failing_from(1);
    static char text[1024]; /* too long for the arena, which takes no memory */
    EXPECT_NULL(vp_secret_new(text, sizeof text));
    failing_from(2);
    VP_AUTO(vp_secret_freep) struct vp_secret *secret = vp_secret_new(text, sizeof text);
    EXPECT_NULL(vp_secret_copy(secret));
    (void)failing_stop();
    EXPECT_INT(sizeof text, vp_secret_len(secret));
}

static enum vp_code parse_object(struct vp_error *err)
{
    static const struct vp_json_source SOURCE = { "the text", VP_REASON_BAD_REQUEST, 65536, 8, 1000, 0, 0 };
    static const char TEXT[] = "{\"a\":{\"b\":[1,-2.5e3,true,{\"c\":\"d\"},[],{}]},\"\\u0065\":null}";
    struct vp_json *document = NULL;
    enum vp_code code = vp_json_parse(TEXT, sizeof TEXT - 1, &SOURCE, &document, err);
    EXPECT((document != NULL) == (code == VP_OK));
    vp_json_free(document);
    return code;
}

TEST(a_document_is_built_whole_or_not_at_all_and_that_is_not_the_senders_fault)
{
    int n_calls = starve(parse_object);
    EXPECT(n_calls >= 19); /* 12 values, 7 of them added to another, keys and strings */
    for (int n = 1; n <= n_calls; n++) {
        struct vp_error err = { 0 };
        failing_nth((unsigned)n);
        enum vp_code code = parse_object(&err);
        (void)failing_stop();
        if (code == VP_OK)
            fail_msg("nobody saw that %s failed", failing_last());
        EXPECT_INT(VP_REASON_INTERNAL, err.reason);
    }
}

/* ---- policy ---- */

static enum vp_code resolve(struct vp_error *err)
{
    static char owner[] = "zzzzz-tpzed-000000000000000";
    static char prefix[] = "arvados-";
    static char *owner_items[] = { owner };
    static char *prefix_items[] = { prefix };
    static const struct vp_texts owners = { owner_items, 1 };
    static const struct vp_texts prefixes = { prefix_items, 1 };
    static const struct vp_texts none = { NULL, 0 };
    const struct policy_rules rules = {
        .link_class = "vault_policy",
        .trusted_owners = &owners,
        .trusted_modifiers = &none,
        .allowed_prefixes = &prefixes,
        .narrower_prefixes = &none,
        .allowed_policies = &none,
        .user_uuid = "user",
        .roles = &none,
        .trashed_roles = &none,
        .now_s = 1000,
    };
    struct policy_link links[2] = {
        { .link_class = "vault_policy",
          .owner_uuid = owner,
          .tail_uuid = "user",
          .name = "arvados-b",
          .properties_good = true,
          .expires_at_s = VP_TIME_NONE },
    };
    struct policy_result result = { .n_verdicts = 77 };
    links[1] = links[0];
    links[1].name = "arvados-a";

    enum vp_code code = policy_resolve(links, 2, &rules, &result, err);

    EXPECT_INT(code == VP_OK ? 2 : 77, result.n_verdicts);
    EXPECT_INT(code == VP_OK ? 2 : 0, result.policies.n); /* never only some of the policies */
    if (code == VP_OK)
        policy_result_clear(&result);
    return code;
}

TEST(policies_come_all_or_none)
{
    EXPECT_INT(6, starve(resolve));
}

/* ---- logical ---- */

static enum vp_code add_pairs(struct vp_error *err)
{
    struct logical_pairs pairs = { 0 };
    enum vp_code code = logical_pairs_add(&pairs, "a", "1", err);
    if (code == VP_OK)
        code = logical_pairs_add(&pairs, "b", "2", err);
    EXPECT(code != VP_OK || pairs.n == 2);
    if (pairs.n > 0)
        EXPECT_TEXT("1", logical_pairs_get(&pairs, "a"));
    logical_pairs_clear(&pairs);
    return code;
}

struct target {
    char *text;
    struct vp_secret *secret;
    struct vp_texts list;
};

static const struct logical_field FIELDS[] = {
    { "text", LOGICAL_TEXT, offsetof(struct target, text), 0, "before", 0, 0, "A text." },
    { "secret", LOGICAL_SECRET, offsetof(struct target, secret), 0, "before", 0, 0, "A secret." },
    { "list", LOGICAL_TEXTS, offsetof(struct target, list), 0, "before,this", 0, 0, "A list." },
    { 0 },
};

static enum vp_code init_fields(struct vp_error *err)
{
    struct target target = { 0 };
    enum vp_code code = logical_fields_init(FIELDS, &target, err);
    EXPECT(code != VP_OK || target.list.n == 2);
    logical_fields_clear(FIELDS, &target);
    return code;
}

static const struct vp_json *body;

static enum vp_code update_fields(struct vp_error *err)
{
    struct vp_error fault = { 0 };
    struct target target = { 0 };
    failing_pause();
    EXPECT_OK(logical_fields_init(FIELDS, &target, &fault), &fault);
    failing_resume();
    enum vp_code code = logical_fields_update(FIELDS, body, true, &target, err);
    if (code != VP_OK) /* whole, and to be cleared: the last one in the body was not reached */
        EXPECT_TEXT("before", target.list.items[0]);
    else
        EXPECT_TEXT("after", vp_secret_reveal(target.secret));
    logical_fields_clear(FIELDS, &target);
    return code;
}

TEST(fields_and_pairs_stay_whole)
{
    static const struct vp_json_source SOURCE = { "the body", VP_REASON_BAD_REQUEST, 65536, 8, 1000, 0, 0 };
    static const char TEXT[] = "{\"text\":\"after\",\"secret\":\"after\",\"list\":[\"after\",\"that\"]}";
    struct vp_error err = { 0 };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    EXPECT_INT(6, starve(add_pairs));
    EXPECT(starve(init_fields) > 5);

    EXPECT_OK(vp_json_parse(TEXT, sizeof TEXT - 1, &SOURCE, &document, &err), &err);
    body = document;
    EXPECT_INT(7, starve(update_fields));
    body = NULL;
}

static struct logical_reply reply;

static enum vp_code ask_for_help(struct vp_error *err)
{
    static const struct logical_route ROUTES[] = {
        { .path = "config", .summary = "Config.", .help = "Configures.", .fields = FIELDS },
        { 0 },
    };
    static const struct logical_backend BACKEND = {
        .name = "toy", .version = "v1.2.3", .help = "A toy.", .routes = ROUTES
    };
    struct logical_call call = { .operation = LOGICAL_HELP, .path = "config", .reply = &reply };
    logical_reply_clear(&reply);
    const struct logical_match match = logical_find(&BACKEND, call.operation, call.path);
    return logical_dispatch(&BACKEND, &match, &call, err);
}

TEST(help_is_refused_rather_than_cut)
{
    EXPECT(starve(ask_for_help) > 3);
    EXPECT_CONTAINS("Configures.", vp_buf_text(&reply.data));
    logical_reply_clear(&reply);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(lists_of_texts_stay_whole),
        CASE(a_buffer_adds_nothing_more_once_an_add_failed),
        CASE(an_empty_buffer_gives_nothing_away_without_memory),
        CASE(a_secret_is_made_whole_or_not_at_all),
        CASE(a_document_is_built_whole_or_not_at_all_and_that_is_not_the_senders_fault),
        CASE(policies_come_all_or_none),
        CASE(fields_and_pairs_stay_whole),
        CASE(help_is_refused_rather_than_cut),
    };
    return cmocka_run_group_tests_name("base_memory", cases, NULL, NULL);
}
