/* Lists of links, page by page, from a server that may lie about each of them. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/arvados.h"
#include "vp/clock.h"

#include "check.h"
#include "fake_cluster.h"

#define LEN(rows) (sizeof(rows) / sizeof(rows)[0])
#define LINKS "/arvados/v1/links?"
#define OWNER "zzzzz-tpzed-000000000000000"
#define TAIL "zzzzz-tpzed-xurymjxw79nv3jz"

static struct fake_cluster cluster;
static struct vp_texts owners, tails;

static int set_up(void **state)
{
    (void)state;
    return fake_cluster_init(&cluster, "v2/t") && vp_texts_add(&owners, OWNER, &(struct vp_error){ 0 }) == VP_OK &&
                   vp_texts_add(&tails, TAIL, &(struct vp_error){ 0 }) == VP_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    vp_texts_clear(&owners);
    vp_texts_clear(&tails);
    fake_cluster_clear(&cluster);
    return 0;
}

static enum vp_code ask(const struct arv_link_query *query, struct arv_links *links, struct vp_error *err)
{
    struct arv_credentials who = fake_cluster_credentials(&cluster, true);
    return arv_links_list(cluster.client, &who, query, links, err);
}

static enum vp_code list(struct arv_links *links, struct vp_error *err)
{
    const struct arv_link_query query = { .link_class = "vault_policy", .owner_uuids = &owners, .tail_uuids = &tails };
    return ask(&query, links, err);
}

static void add_link(struct vp_buf *page, unsigned number)
{
    vp_buf_add_format(page,
                      "{\"uuid\":\"zzzzz-o0j2j-%015u\",\"owner_uuid\":\"" OWNER "\",\"link_class\":\"vault_policy\","
                      "\"name\":\"p%u\",\"tail_uuid\":\"" TAIL
                      "\",\"head_uuid\":\"\",\"modified_by_user_uuid\":\"" OWNER "\",\"properties\":{}}",
                      number, number);
}

/* The next answer: links first, first+1, ... (`n` of them), and what is said to be there. */
static void script_page(unsigned first, unsigned n, long long available)
{
    struct vp_buf page = VP_BUF_INIT(4 * 1024 * 1024);
    vp_buf_add_text(&page, "{\"items\":[");
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            vp_buf_add_text(&page, ",");
        add_link(&page, first + i);
    }
    vp_buf_add_format(&page, "],\"items_available\":%lld,\"limit\":1000,\"offset\":0,\"kind\":\"arvados#linkList\"}",
                      available);
    fake_server_answer(cluster.server, LINKS, 200, vp_buf_text(&page));
    vp_buf_clear(&page);
}

/* The next answer: one link that holds this many empty objects in its properties, or next to them. */
static void script_heavy_link(unsigned number, bool in_properties, unsigned n_objects, long long available)
{
    struct vp_buf page = VP_BUF_INIT(4 * 1024 * 1024);
    vp_buf_add_text(&page, "{\"items\":[");
    add_link(&page, number);
    page.len -= strlen("{}}");
    vp_buf_add_text(&page, in_properties ? "{\"x\":[" : "{},\"more\":{\"x\":[");
    for (unsigned i = 0; i < n_objects; i++)
        vp_buf_add_text(&page, i == 0 ? "{}" : ",{}");
    vp_buf_add_format(&page, "]}}],\"items_available\":%lld}", available);
    fake_server_answer(cluster.server, LINKS, 200, vp_buf_text(&page));
    vp_buf_clear(&page);
}

static void script_heavy_page(unsigned number, unsigned n_objects, long long available)
{
    script_heavy_link(number, false, n_objects, available);
}

static void expect_list(size_t n, size_t n_pages)
{
    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    EXPECT_OK(list(&links, &err), &err);
    EXPECT_INT(n, links.n);
    EXPECT_INT(n_pages, fake_server_count(cluster.server, LINKS));
    for (size_t i = 1; i < links.n; i++)
        EXPECT(strcmp(links.items[i - 1].uuid, links.items[i].uuid) < 0);
    arv_links_clear(&links);
    EXPECT_NULL(links.items);
    EXPECT_INT(0, links.n);
    arv_links_clear(&links);
}

static void expect_refused(const char *what, enum vp_reason reason)
{
    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    if (list(&links, &err) == VP_OK)
        fail_msg("%s: taken", what);
    if (err.reason != reason)
        fail_msg("%s: expected %s, got %s: %s (%s)", what, vp_reason_word(reason), vp_reason_word(err.reason),
                 err.message, err.detail);
    EXPECT_INT(vp_reason_code(reason), VP_ERR_UPSTREAM);
    EXPECT_NULL(links.items);
    EXPECT_NULL(links.pages);
    fake_server_forget(cluster.server);
}

TEST(lists_are_read_until_a_page_says_that_it_is_the_rest)
{
    script_page(1, 0, 0);
    expect_list(0, 1);
    fake_server_forget(cluster.server);
    script_page(1, 3, 3);
    expect_list(3, 1);
    fake_server_forget(cluster.server);
    script_page(1, 1000, 1000);
    expect_list(1000, 1);
    fake_server_forget(cluster.server);
    script_page(1, 1000, 1001);
    script_page(1001, 1, 1);
    expect_list(1001, 2);
    fake_server_forget(cluster.server);
    /* short pages are allowed, gaps in the numbers too */
    script_page(1, 2, 7);
    script_page(10, 4, 5);
    script_page(100, 1, 1);
    expect_list(7, 3);
    fake_server_forget(cluster.server);
    /* some went away, or came, between two pages */
    script_page(1, 2, 9);
    script_page(10, 0, 0);
    expect_list(2, 2);
    fake_server_forget(cluster.server);
    script_page(1, 2, 3);
    script_page(10, 5, 5);
    expect_list(7, 2);
}

TEST(ten_thousand_links_are_the_most)
{
    for (unsigned i = 0; i < 10; i++)
        script_page(1 + i * 1000, 1000, 10000 - i * 1000);
    expect_list(ARV_LINKS_MAX, 10);
    fake_server_forget(cluster.server);
    script_page(1, 1000, ARV_LINKS_MAX + 1);
    expect_refused("too many announced", VP_REASON_LINKS_INCOMPLETE);
    for (unsigned i = 0; i < 11; i++)
        script_page(1 + i * 1000, 1000, 9000);
    expect_refused("always more", VP_REASON_LINKS_INCOMPLETE);
}

TEST(too_many_are_an_empty_list_for_whoever_expects_them)
{
    const struct arv_link_query query = { .link_class = "vault_policy",
                                          .owner_uuids = &owners,
                                          .too_many_is_fine = true };
    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    script_page(1, 1000, ARV_LINKS_MAX + 1);
    EXPECT_OK(ask(&query, &links, &err), &err);
    EXPECT(links.too_many && links.n == 0 && links.items == NULL && links.n_pages == 0);
    fake_server_forget(cluster.server);
    for (unsigned i = 0; i < 11; i++)
        script_page(1 + i * 1000, 1000, 9000);
    EXPECT_OK(ask(&query, &links, &err), &err);
    EXPECT(links.too_many && links.n == 0);
    /* what contradicts itself is no crowd */
    fake_server_forget(cluster.server);
    script_page(1, 0, ARV_LINKS_MAX + 1);
    EXPECT_FAIL(VP_REASON_LINKS_INCOMPLETE, ask(&query, &links, &err), &err);
    fake_server_forget(cluster.server);
    script_page(1, 2, 2);
    EXPECT_OK(ask(&query, &links, &err), &err);
    EXPECT(!links.too_many && links.n == 2);
    arv_links_clear(&links);
}

TEST(what_all_pages_hold_has_a_ceiling)
{
    const struct arv_link_query query = { .link_class = "vault_policy",
                                          .owner_uuids = &owners,
                                          .too_many_is_fine = true };
    enum { PAGE = 49000 };
    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    script_heavy_page(1, 50000, 1);
    expect_refused("a page that is too heavy", VP_REASON_UPSTREAM_BAD_ANSWER);
    for (unsigned i = 0; i < 3; i++)
        script_heavy_page(1 + i, PAGE, 3 - i);
    expect_list(3, 3);
    fake_server_forget(cluster.server);
    for (unsigned i = 0; i < 5; i++)
        script_heavy_page(1 + i, PAGE, 9000);
    expect_refused("pages that are too heavy together", VP_REASON_LINKS_INCOMPLETE);
    for (unsigned i = 0; i < 5; i++)
        script_heavy_page(1 + i, PAGE, 9000);
    EXPECT_OK(ask(&query, &links, &err), &err);
    EXPECT(links.too_many && links.n == 0 && links.pages == NULL);
    EXPECT_INT(4, fake_server_count(cluster.server, LINKS));
}

/* One page of a megabyte would take 40 MB. */
TEST(what_people_note_in_properties_takes_no_memory)
{
    const struct arv_link_query query = { .link_class = "vault_policy", .whole_properties = true };
    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    script_heavy_link(1, true, 300000, 1);
    EXPECT_OK(list(&links, &err), &err);
    EXPECT_INT(1, links.n);
    EXPECT(links.memory < 8192);
    EXPECT_INT(VP_JSON_OBJECT, vp_json_type(links.items[0].properties));
    EXPECT_INT(0, vp_json_len(links.items[0].properties));
    arv_links_clear(&links);
    fake_server_forget(cluster.server);

    script_heavy_link(1, true, 10, 1);
    EXPECT_OK(ask(&query, &links, &err), &err);
    EXPECT_INT(10, vp_json_len(vp_json_get(links.items[0].properties, "x")));
    arv_links_clear(&links);
}

/* One link of megabytes must not hide those of others. */
TEST(a_page_that_can_not_be_read_is_asked_for_in_smaller_ones)
{
    script_heavy_page(1, 50000, 3);
    script_page(1, 3, 3);
    expect_list(3, 2);
    EXPECT_CONTAINS("&limit=100&", fake_server_last(cluster.server, LINKS));
    fake_server_forget(cluster.server);

    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    for (int i = 0; i < 4; i++)
        script_heavy_page(1, 50000, 3);
    fake_server_answer(cluster.server, LINKS, 200,
                       "{\"items\":[{\"uuid\":\"zzzzz-o0j2j-000000000000001\"}],\"items_available\":3}");
    script_page(2, 2, 2);
    EXPECT_OK(list(&links, &err), &err);
    EXPECT_INT(6, fake_server_count(cluster.server, LINKS));
    EXPECT_INT(3, links.n);
    EXPECT_TEXT("(unusable)", links.items[0].name);
    EXPECT_NULL(links.items[0].properties);
    EXPECT_TEXT("p2", links.items[1].name);
    arv_links_clear(&links);
}

TEST(the_query_can_be_for_links_to_groups)
{
    const struct arv_link_query query = { .link_class = "vault_policy", .tail_is_group = true };
    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    script_page(1, 1, 1);
    EXPECT_OK(ask(&query, &links, &err), &err);
    EXPECT_CONTAINS("%5B%22tail_uuid%22%2C%22is_a%22%2C%22arvados%23group%22%5D",
                    fake_server_last(cluster.server, LINKS));
    arv_links_clear(&links);
}

TEST(the_query_names_class_owners_and_tails_and_goes_on_behind_the_last_uuid)
{
    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    script_page(1, 2, 3);
    script_page(7, 1, 1);
    EXPECT_OK(vp_texts_add(&tails, "a\"&b", &err), &err);
    EXPECT_OK(list(&links, &err), &err);
    EXPECT_TEXT("zzzzz-o0j2j-000000000000007", links.items[2].uuid);
    EXPECT_TEXT(OWNER, links.items[2].owner_uuid);
    EXPECT_TEXT(TAIL, links.items[2].tail_uuid);
    EXPECT_TEXT("vault_policy", links.items[2].link_class);
    EXPECT_TEXT("p7", links.items[2].name);
    EXPECT_NULL(links.items[2].head_uuid);
    EXPECT_INT(VP_JSON_OBJECT, vp_json_type(links.items[2].properties));
    arv_links_clear(&links);
    const char *head = fake_server_last(cluster.server, LINKS);
    /* [["link_class","=",..],["owner_uuid","in",[..]],["tail_uuid","in",[..]],["uuid",">",..]], escaped */
    EXPECT_CONTAINS("GET /arvados/v1/links?filters=%5B%5B%22link_class%22%2C%22%3D%22%2C%22vault_policy%22%5D%2C"
                    "%5B%22owner_uuid%22%2C%22in%22%2C%5B%22" OWNER "%22%5D%5D%2C"
                    "%5B%22tail_uuid%22%2C%22in%22%2C%5B%22" TAIL "%22%2C%22a%5C%22%26b%22%5D%5D%2C"
                    "%5B%22uuid%22%2C%22%3E%22%2C%22zzzzz-o0j2j-000000000000002%22%5D%5D&select=",
                    head);
    EXPECT_CONTAINS("&order=%5B%22uuid%20asc%22%5D&limit=1000&count=exact HTTP/1.1\r\n", head);
    EXPECT_CONTAINS("\r\nAuthorization: Bearer v2/t\r\n", head);
}

TEST(pages_that_repeat_go_back_or_contradict_themselves_are_no_list)
{
    script_page(1, 2, 4);
    script_page(1, 2, 4);
    expect_refused("the same page again", VP_REASON_LINKS_INCOMPLETE);
    script_page(5, 2, 4);
    script_page(1, 2, 2);
    expect_refused("a page that goes back", VP_REASON_LINKS_INCOMPLETE);
    script_page(1, 2, 4);
    script_page(2, 2, 2);
    expect_refused("a page that begins with the last one", VP_REASON_LINKS_INCOMPLETE);
    script_page(1, 3, 2);
    expect_refused("more items than available", VP_REASON_LINKS_INCOMPLETE);
    script_page(1, 3, 0);
    expect_refused("items where none are", VP_REASON_LINKS_INCOMPLETE);
    script_page(1, 3, -1);
    expect_refused("a negative number", VP_REASON_LINKS_INCOMPLETE);
    script_page(1, 0, -1);
    expect_refused("a negative number and no items", VP_REASON_LINKS_INCOMPLETE);
    script_page(1, 0, 1);
    expect_refused("no items where one is", VP_REASON_LINKS_INCOMPLETE);
    script_page(1, 2, 3);
    script_page(3, 0, 1);
    expect_refused("an empty page before the end", VP_REASON_LINKS_INCOMPLETE);
    script_page(1, 2, INT64_MAX);
    expect_refused("a huge number", VP_REASON_LINKS_INCOMPLETE);
    script_page(1, 1001, 1001);
    expect_refused("more than asked for", VP_REASON_LINKS_INCOMPLETE);
    script_page(1, 1001, 1000);
    expect_refused("more than asked for and than available", VP_REASON_LINKS_INCOMPLETE);
}

TEST(pages_that_never_end_are_left)
{
    for (unsigned i = 0; i < 100; i++)
        script_page(1 + i, 1, 9000);
    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    EXPECT_FAIL(VP_REASON_LINKS_INCOMPLETE, list(&links, &err), &err);
    EXPECT(fake_server_count(cluster.server, LINKS) < 100);
    EXPECT_CONTAINS("don't end", err.detail);
}

TEST(uuids_within_a_page_must_rise)
{
    static const unsigned NUMBERS[][3] = { { 1, 1, 2 }, { 2, 1, 3 }, { 1, 3, 2 }, { 3, 2, 1 }, { 1, 2, 2 } };
    for (size_t i = 0; i < LEN(NUMBERS); i++) {
        struct vp_buf page = VP_BUF_INIT(65536);
        vp_buf_add_text(&page, "{\"items\":[");
        for (size_t n = 0; n < 3; n++) {
            vp_buf_add_text(&page, n == 0 ? "" : ",");
            add_link(&page, NUMBERS[i][n]);
        }
        vp_buf_add_text(&page, "],\"items_available\":3}");
        fake_server_answer(cluster.server, LINKS, 200, vp_buf_text(&page));
        vp_buf_clear(&page);
        expect_refused("out of order", VP_REASON_LINKS_INCOMPLETE);
    }
}

TEST(a_page_of_another_shape_is_an_answer_that_can_not_be_right)
{
    static const char *const BODIES[] = {
        "{}",
        "[]",
        "null",
        "{\"items\":[]}",
        "{\"items_available\":0}",
        "{\"items\":[],\"items_available\":null}",
        "{\"items\":[],\"items_available\":\"0\"}",
        "{\"items\":[],\"items_available\":0.0}",
        "{\"items\":[],\"items_available\":0e0}",
        "{\"items\":[],\"items_available\":false}",
        "{\"items\":null,\"items_available\":0}",
        "{\"items\":{},\"items_available\":0}",
        "{\"items\":\"\",\"items_available\":0}",
        "{\"items\":0,\"items_available\":0}",
        "{\"items\":[null],\"items_available\":1}",
        "{\"items\":[1],\"items_available\":1}",
        "{\"items\":[[]],\"items_available\":1}",
        "{\"items\":[{}],\"items_available\":1}",
        "{\"items\":[],\"items\":[],\"items_available\":0}",
        "{\"items\":[],\"items_available\":0,\"items_available\":0}",
    };
    for (size_t i = 0; i < LEN(BODIES); i++) {
        fake_server_answer(cluster.server, LINKS, 200, BODIES[i]);
        expect_refused(BODIES[i], VP_REASON_UPSTREAM_BAD_ANSWER);
    }
}

/* ---- one link ---- */

#define GOOD_UUID "zzzzz-o0j2j-000000000000001"

static const struct field {
    const char *name, *good;
} FIELDS[] = {
    { "uuid", "\"" GOOD_UUID "\"" },
    { "owner_uuid", "\"" OWNER "\"" },
    { "link_class", "\"vault_policy\"" },
    { "name", "\"p\"" },
    { "tail_uuid", "\"" TAIL "\"" },
    { "head_uuid", "\"zzzzz-j7d0g-000000000000001\"" },
    { "modified_by_user_uuid", "\"" OWNER "\"" },
};
#define GOOD_PROPERTIES "{\"a\":{\"b\":[1]}}"

/* One link with this value in this field; NULL: without the field. */
static void script_link(const char *field, const char *value)
{
    struct vp_buf page = VP_BUF_INIT(65536);
    const char *separator = "";
    vp_buf_add_text(&page, "{\"items_available\":1,\"items\":[{");
    for (size_t i = 0; i < LEN(FIELDS); i++) {
        const char *text = strcmp(FIELDS[i].name, field) == 0 ? value : FIELDS[i].good;
        if (text == NULL)
            continue;
        vp_buf_add_format(&page, "%s\"%s\":%s", separator, FIELDS[i].name, text);
        separator = ",";
    }
    const char *properties = strcmp("properties", field) == 0 ? value : GOOD_PROPERTIES;
    if (properties != NULL)
        vp_buf_add_format(&page, ",\"properties\":%s", properties);
    vp_buf_add_text(&page, "}]}");
    fake_server_answer(cluster.server, LINKS, 200, vp_buf_text(&page));
    vp_buf_clear(&page);
}

static const char *const *text_at(const struct arv_link *link, size_t field)
{
    const char *const *const TEXTS[] = { &link->uuid,      &link->owner_uuid, &link->link_class,           &link->name,
                                         &link->tail_uuid, &link->head_uuid,  &link->modified_by_user_uuid };
    return TEXTS[field];
}

/* What users can write into one link drops that link, and no other: it refuses no login. */
TEST(a_field_of_another_type_is_one_unusable_link)
{
    static const char *const WRONG[] = { NULL, "1", "1.5", "true", "false", "[]", "[\"x\"]", "{}" };
    static const char *const NULLS[] = { "null", "\"\"" };
    for (size_t i = 1; i < LEN(FIELDS); i++) {
        for (size_t n = 0; n < LEN(WRONG) + LEN(NULLS); n++) {
            struct vp_error err = { 0 };
            struct arv_links links = { 0 };
            script_link(FIELDS[i].name, n < LEN(WRONG) ? WRONG[n] : NULLS[n - LEN(WRONG)]);
            EXPECT_OK(list(&links, &err), &err);
            EXPECT_INT(1, links.n);
            if (n < LEN(WRONG))
                EXPECT_TEXT("(unusable)", *text_at(&links.items[0], i));
            else
                EXPECT_NULL(*text_at(&links.items[0], i));
            arv_links_clear(&links);
            fake_server_forget(cluster.server);
        }
    }
}

TEST(a_link_without_a_uuid_is_an_answer_that_can_not_be_right)
{
    static const char *const WRONG[] = { NULL, "1", "true", "[]", "{}", "null", "\"\"" };
    for (size_t n = 0; n < LEN(WRONG); n++) {
        script_link("uuid", WRONG[n]);
        expect_refused("uuid", VP_REASON_UPSTREAM_BAD_ANSWER);
    }
}

/* One link whose properties can't be read must not keep everybody out: it is for the judge to drop. */
TEST(properties_that_are_no_object_are_none)
{
    static const char *const ODD[] = { NULL, "null", "\"\"", "\"x\"", "1", "true", "[]", "[{}]" };
    for (size_t i = 0; i < LEN(ODD); i++) {
        struct vp_error err = { 0 };
        struct arv_links links = { 0 };
        script_link("properties", ODD[i]);
        EXPECT_OK(list(&links, &err), &err);
        EXPECT_INT(1, links.n);
        EXPECT_NULL(links.items[0].properties);
        arv_links_clear(&links);
        fake_server_forget(cluster.server);
    }
}

TEST(a_uuid_of_another_form_is_no_links)
{
    static const char *const UUIDS[] = {
        "\"zzzzz-tpzed-000000000000001\"",       "\"zzzzz-o0j2j-00000000000000\"",  "\"zzzzz-o0j2j-0000000000000001\"",
        "\"ZZZZZ-o0j2j-000000000000001\"",       "\"zzzzz-o0j2j-00000000000000%\"", "\"zzzzz-o0j2j-00000000000000\\n\"",
        "\"zzzzz-o0j2j-00000000000\\u0000001\"", "\"../../../../../../../..\"",     "\"x\"",
    };
    for (size_t i = 0; i < LEN(UUIDS); i++) {
        script_link("uuid", UUIDS[i]);
        expect_refused(UUIDS[i], VP_REASON_UPSTREAM_BAD_ANSWER);
    }
}

TEST(a_text_of_a_link_has_a_longest_length)
{
    char text[1100];
    for (size_t len = 1020; len < 1022; len++) {
        (void)snprintf(text, sizeof text, "\"%0*d\"", (int)len, 0);
        for (size_t i = 1; i < LEN(FIELDS); i++) {
            script_link(FIELDS[i].name, text);
            struct vp_error err = { 0 };
            struct arv_links links = { 0 };
            EXPECT_OK(list(&links, &err), &err);
            EXPECT_INT(len == 1020, strcmp("(unusable)", *text_at(&links.items[0], i)) != 0);
            arv_links_clear(&links);
            fake_server_forget(cluster.server);
        }
    }
}

TEST(a_failure_on_a_later_page_leaves_nothing_of_the_earlier_ones)
{
    static const struct {
        int status;
        enum vp_reason reason;
    } ROWS[] = { { 401, VP_REASON_SERVICE_TOKEN },       { 403, VP_REASON_SERVICE_TOKEN },
                 { 500, VP_REASON_UPSTREAM_ERROR },      { 503, VP_REASON_UPSTREAM_BUSY },
                 { 404, VP_REASON_UPSTREAM_BAD_ANSWER }, { 422, VP_REASON_UPSTREAM_BAD_ANSWER } };
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct vp_error err = { 0 };
        struct arv_links links = { 0 };
        script_page(1, 2, 4);
        fake_server_answer(cluster.server, LINKS, ROWS[i].status, "");
        EXPECT_FAIL(ROWS[i].reason, list(&links, &err), &err);
        EXPECT_NULL(links.items);
        EXPECT_INT(ROWS[i].status == 401 ? 3 : 2, fake_server_count(cluster.server, LINKS));
        fake_server_forget(cluster.server);
    }
}

TEST(a_query_that_is_too_long_is_never_sent_cut)
{
    struct vp_error err = { 0 };
    struct arv_links links = { 0 };
    script_page(1, 0, 0);
    for (int i = 0; i < 700; i++)
        EXPECT_OK(vp_texts_add(&tails, TAIL, &err), &err);
    EXPECT_FAIL(VP_REASON_INTERNAL, list(&links, &err), &err);
    EXPECT_INT(0, fake_server_count(cluster.server, "/"));
}

#define WITH_SERVER(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        WITH_SERVER(lists_are_read_until_a_page_says_that_it_is_the_rest),
        WITH_SERVER(ten_thousand_links_are_the_most),
        WITH_SERVER(too_many_are_an_empty_list_for_whoever_expects_them),
        WITH_SERVER(what_all_pages_hold_has_a_ceiling),
        WITH_SERVER(what_people_note_in_properties_takes_no_memory),
        WITH_SERVER(a_page_that_can_not_be_read_is_asked_for_in_smaller_ones),
        WITH_SERVER(the_query_can_be_for_links_to_groups),
        WITH_SERVER(the_query_names_class_owners_and_tails_and_goes_on_behind_the_last_uuid),
        WITH_SERVER(pages_that_repeat_go_back_or_contradict_themselves_are_no_list),
        WITH_SERVER(pages_that_never_end_are_left),
        WITH_SERVER(uuids_within_a_page_must_rise),
        WITH_SERVER(a_page_of_another_shape_is_an_answer_that_can_not_be_right),
        WITH_SERVER(a_field_of_another_type_is_one_unusable_link),
        WITH_SERVER(a_link_without_a_uuid_is_an_answer_that_can_not_be_right),
        WITH_SERVER(properties_that_are_no_object_are_none),
        WITH_SERVER(a_uuid_of_another_form_is_no_links),
        WITH_SERVER(a_text_of_a_link_has_a_longest_length),
        WITH_SERVER(a_failure_on_a_later_page_leaves_nothing_of_the_earlier_ones),
        WITH_SERVER(a_query_that_is_too_long_is_never_sent_cut),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
