/* A request body for a table with a field of each type. An accepted value is stored, loaded and
 * stored again to the same bytes. */
#include "vp/logical.h"

#include "fuzz.h"

struct target {
    char *text;
    struct vp_secret *secret;
    bool flag;
    int64_t number, seconds, bounded;
    struct vp_texts list;
    struct logical_pairs map;
};

#define AT(member) offsetof(struct target, member)

static const struct logical_field FIELDS[] = {
    { "text", LOGICAL_TEXT, AT(text), 0, "x", 0, 0, "" },
    { "secret", LOGICAL_SECRET, AT(secret), 0, NULL, 0, 0, "" },
    { "flag", LOGICAL_BOOL, AT(flag), 0, "true", 0, 0, "" },
    { "number", LOGICAL_INT, AT(number), 0, "1", 0, 0, "" },
    { "seconds", LOGICAL_DURATION, AT(seconds), 0, "10m", 0, 0, "" },
    { "bounded", LOGICAL_DURATION, AT(bounded), 0, "5", 1, 60, "" },
    { "list", LOGICAL_TEXTS, AT(list), 0, "a,b", 0, 0, "" },
    { "map", LOGICAL_MAP, AT(map), 0, NULL, 0, 0, "" },
    { 0 },
};
static const struct vp_json_source SOURCE = { "fuzz", VP_REASON_BAD_REQUEST, 65536, 8, 4096, 0, 0 };

static void save(const struct target *target, struct vp_buf *out)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, out);
    vp_json_open_object(&writer);
    logical_fields_save(FIELDS, target, &writer);
    vp_json_close_object(&writer);
    assert(!out->failed);
}

static void check(const struct target *target)
{
    struct vp_buf once = VP_BUF_INIT(1024 * 1024), twice = VP_BUF_INIT(1024 * 1024);
    struct target loaded = { 0 };
    struct vp_json *record = NULL;
    assert(target->number >= 0 && target->seconds >= 0 && target->bounded >= 1 && target->bounded <= 60);
    for (size_t i = 0; i < target->list.n; i++)
        assert(*target->list.items[i] != '\0');
    save(target, &once);
    assert(vp_json_parse(vp_buf_text(&once), once.len,
                         &(struct vp_json_source){ "record", VP_REASON_INTERNAL, 1024 * 1024, 8, 65536, 0, 0 }, &record,
                         &(struct vp_error){ 0 }) == VP_OK);
    if (logical_fields_load(FIELDS, record, &loaded, &(struct vp_error){ 0 }) == VP_OK) {
        save(&loaded, &twice);
        assert(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    } else {
        /* The one thing that does not come back: a list that holds nothing but commas in one of its items. */
        assert(target->list.n > 0);
    }
    logical_fields_clear(FIELDS, &loaded);
    vp_json_free(record);
    vp_buf_clear(&once);
    vp_buf_clear(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vp_json *body = NULL;
    struct target target = { 0 };
    struct vp_error err = { 0 };
    if (vp_json_parse((const char *)data, size, &SOURCE, &body, &(struct vp_error){ 0 }) != VP_OK)
        return 0;
    assert(logical_fields_init(FIELDS, &target, &err) == VP_OK);
    if (logical_fields_update(FIELDS, body, true, &target, &err) == VP_OK)
        check(&target);
    else
        assert(err.reason == VP_REASON_BAD_REQUEST);
    logical_fields_clear(FIELDS, &target);
    vp_json_free(body);
    return 0;
}
