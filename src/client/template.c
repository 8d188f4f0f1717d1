#include "template.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "yaml.h"

static const char OPEN[] = "${vault:";

enum { OPEN_LEN = sizeof OPEN - 1 };

/* ---- kinds ---- */

static const struct {
    const char *name;
    const char *ends[3];
    enum cli_template_kind kind;
} KINDS[] = {
    { "json", { ".json" }, CLI_TEMPLATE_JSON },
    { "yaml", { ".yaml", ".yml" }, CLI_TEMPLATE_YAML },
    { "text", { NULL }, CLI_TEMPLATE_TEXT },
};

enum { N_KINDS = sizeof KINDS / sizeof KINDS[0] };

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t end_len = strlen(end);
    return len >= end_len && strncasecmp(text + len - end_len, end, end_len) == 0;
}

/* Templates mostly have one more end behind that of what they become: "config.yaml.in", "config.yaml.j2". */
static bool names_kind(const char *file, const char *end)
{
    const char *slash = strrchr(file, '/');
    const char *name = slash == NULL ? file : slash + 1;
    const char *last = strrchr(name, '.');
    return last != NULL && (ends_with(name, strlen(name), end) || ends_with(name, (size_t)(last - name), end));
}

static bool find_kind(const char *file, enum cli_template_kind *ret_kind)
{
    for (size_t i = 0; file != NULL && i < N_KINDS; i++)
        for (const char *const *end = KINDS[i].ends; *end != NULL; end++)
            if (names_kind(file, *end)) {
                *ret_kind = KINDS[i].kind;
                return true;
            }
    return false;
}

const char *cli_template_plain_format(const char *file, const char *destination)
{
    static const struct {
        const char *end;
        const char *format;
    } FORMATS[] = {
        { ".toml", "TOML" }, { ".ini", "INI" }, { ".cfg", "INI" }, { ".xml", "XML" }, { ".properties", "properties" },
    };
    enum cli_template_kind kind;
    if (find_kind(file, &kind) || find_kind(destination, &kind))
        return NULL;
    for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++)
        if ((file != NULL && names_kind(file, FORMATS[i].end)) ||
            (destination != NULL && names_kind(destination, FORMATS[i].end)))
            return FORMATS[i].format;
    return NULL;
}

enum vp_code cli_template_kind_parse(const char *kind, const char *file, const char *destination,
                                     enum cli_template_kind *ret_kind, struct vp_error *err)
{
    *ret_kind = CLI_TEMPLATE_TEXT;
    if (kind == NULL) {
        if (!find_kind(file, ret_kind))
            (void)find_kind(destination, ret_kind);
        return VP_OK;
    }
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kind, KINDS[i].name) == 0) {
            *ret_kind = KINDS[i].kind;
            return VP_OK;
        }
    return vp_fail(err, VP_REASON_USAGE, "a template's kind is text, json or yaml");
}

/* ---- parts ---- */

void cli_template_clear(struct cli_template *template)
{
    for (size_t i = 0; i < template->n; i++) {
        free(template->parts[i].text);
        cli_ref_clear(&template->parts[i].ref);
    }
    free(template->parts);
    *template = (struct cli_template){ 0 };
}

static enum vp_code add_part(struct cli_template *template, struct cli_template_part **ret_part, struct vp_error *err)
{
    struct cli_template_part *parts = reallocarray(template->parts, template->n + 1, sizeof *parts);
    if (parts == NULL)
        return vp_fail_no_memory(err);
    template->parts = parts;
    parts[template->n] = (struct cli_template_part){ 0 };
    *ret_part = &parts[template->n++];
    return VP_OK;
}

static enum vp_code add_text(struct cli_template *template, const char *text, size_t len, struct vp_error *err)
{
    struct cli_template_part *part = NULL;
    if (len == 0)
        return VP_OK;
    VP_TRY(add_part(template, &part, err));
    part->text = malloc(len);
    if (part->text == NULL)
        return vp_fail_no_memory(err);
    memcpy(part->text, text, len);
    part->len = len;
    return VP_OK;
}

/* ---- JSON's strings ---- */

struct json_scan {
    bool in_string;
    bool escaped;
};

static void scan_json(struct json_scan *scan, char c)
{
    if (scan->escaped)
        scan->escaped = false;
    else if (scan->in_string && c == '\\')
        scan->escaped = true;
    else if (c == '"')
        scan->in_string = !scan->in_string;
}

/* ---- parsing ---- */

/* The state of the walk over the template, one character after the other. */
struct walk {
    enum cli_template_kind kind;
    unsigned line;
    struct json_scan json;
    struct cli_yaml_scan yaml;
};

static enum vp_code step(struct walk *walk, char c, struct vp_error *err)
{
    if (walk->kind == CLI_TEMPLATE_JSON)
        scan_json(&walk->json, c);
    if (walk->kind == CLI_TEMPLATE_YAML && !cli_yaml_scan(&walk->yaml, c))
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "line %u of the template: a quoted text that goes over several lines; write it on one",
                       walk->line);
    walk->line += c == '\n';
    return VP_OK;
}

static enum vp_code find_place(const struct walk *walk, const char *rest, enum cli_template_place *ret_place,
                               struct vp_error *err)
{
    static const enum cli_template_place BY_CONTEXT[] = {
        [CLI_YAML_DOUBLE] = CLI_TEMPLATE_IN_YAML_DOUBLE,
        [CLI_YAML_SINGLE] = CLI_TEMPLATE_IN_YAML_SINGLE,
        [CLI_YAML_ALONE] = CLI_TEMPLATE_YAML_ALONE,
        [CLI_YAML_BLOCK] = CLI_TEMPLATE_IN_YAML_BLOCK,
    };
    *ret_place = CLI_TEMPLATE_AS_IS;
    if (walk->kind == CLI_TEMPLATE_JSON) {
        if (!walk->json.in_string || walk->json.escaped)
            return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                           "line %u of the template: in JSON a reference stands inside of quotes", walk->line);
        *ret_place = CLI_TEMPLATE_IN_JSON_STRING;
    }
    if (walk->kind == CLI_TEMPLATE_YAML) {
        enum cli_yaml_context context = cli_yaml_context(&walk->yaml, rest);
        if (context == CLI_YAML_NOWHERE)
            return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                           "line %u of the template: in YAML a reference stands inside of quotes, or is the whole "
                           "value",
                           walk->line);
        *ret_place = BY_CONTEXT[context];
    }
    return VP_OK;
}

static enum vp_code add_ref(struct cli_template *template, struct walk *walk, const char *ref, size_t len,
                            const char *rest, struct vp_error *err)
{
    struct cli_template_part *part = NULL;
    struct vp_error fault = { 0 };
    VP_TRY(add_part(template, &part, err));
    VP_TRY(find_place(walk, rest, &part->place, err));
    part->line = walk->line;
    if (cli_ref_parse(ref, len, &part->ref, &fault) != VP_OK)
        return vp_fail(err, fault.reason == VP_REASON_USAGE ? VP_REASON_LOCAL_CONFIG : fault.reason,
                       "line %u of the template: %s", walk->line, fault.message);
    /* For the scanner the value is a letter: it neither opens nor ends anything. */
    return step(walk, 'x', err);
}

static enum vp_code parse(const char *text, const char *end, struct walk *walk, struct cli_template *template,
                          struct vp_error *err)
{
    const char *from = text;
    const char *at = text;
    while (at < end) {
        size_t left = (size_t)(end - at);
        bool doubled = left > OPEN_LEN && at[0] == '$' && memcmp(at + 1, OPEN, OPEN_LEN) == 0;
        if (!doubled && (left < OPEN_LEN || memcmp(at, OPEN, OPEN_LEN) != 0)) {
            VP_TRY(step(walk, *at++, err));
            continue;
        }
        VP_TRY(add_text(template, from, (size_t)(at - from), err));
        if (doubled) {
            from = at + 1;
            at += 1 + OPEN_LEN;
            VP_TRY(step(walk, 'x', err));
            continue;
        }
        const char *ref = at + OPEN_LEN;
        const char *close = memchr(ref, '}', (size_t)(end - ref));
        if (close == NULL || memchr(ref, '\n', (size_t)(close - ref)) != NULL)
            return vp_fail(err, VP_REASON_LOCAL_CONFIG, "line %u of the template: ${vault: without its }", walk->line);
        VP_TRY(add_ref(template, walk, ref, (size_t)(close - ref), close + 1, err));
        at = from = close + 1;
    }
    if (walk->kind == CLI_TEMPLATE_YAML && !cli_yaml_scan(&walk->yaml, '\n'))
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "line %u of the template: a quote is not closed", walk->line);
    return add_text(template, from, (size_t)(end - from), err);
}

enum vp_code cli_template_parse(const char *text, size_t len, enum cli_template_kind kind,
                                struct cli_template *ret_template, struct vp_error *err)
{
    struct cli_template template = { 0 };
    struct walk walk = { .kind = kind, .line = 1 };
    cli_yaml_begin(&walk.yaml);
    if (memchr(text, '\0', len) != NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the template holds a NUL character: it is no text");
    enum vp_code code = parse(text, text + len, &walk, &template, err);
    if (code != VP_OK) {
        cli_template_clear(&template);
        return code;
    }
    *ret_template = template;
    return VP_OK;
}

enum vp_code cli_template_of_ref(const char *ref, struct cli_template *ret_template, struct vp_error *err)
{
    struct cli_template template = { 0 };
    struct cli_template_part *part = NULL;
    VP_TRY(add_part(&template, &part, err));
    enum vp_code code = cli_ref_parse(ref, strlen(ref), &part->ref, err);
    if (code != VP_OK) {
        cli_template_clear(&template);
        return code;
    }
    *ret_template = template;
    return VP_OK;
}

enum vp_code cli_template_of_field(const char *path, const char *field, struct cli_template *ret_template,
                                   struct vp_error *err)
{
    struct cli_template template = { 0 };
    struct cli_template_part *part;
    VP_TRY(add_part(&template, &part, err));
    part->ref = (struct cli_ref){ .path = strdup(path), .field = strdup(field) };
    if (part->ref.path == NULL || part->ref.field == NULL) {
        cli_template_clear(&template);
        return vp_fail_no_memory(err);
    }
    *ret_template = template;
    return VP_OK;
}

bool cli_template_has_ref(const char *text)
{
    return strstr(text, OPEN) != NULL;
}

/* ---- values ---- */

static void add_json_escaped(struct vp_buf *text, const char *value)
{
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            vp_buf_add(text, "\\", 1);
        if ((unsigned char)*at < ' ')
            vp_buf_add_format(text, "\\u%04x", (unsigned)(unsigned char)*at);
        else
            vp_buf_add(text, at, 1);
    }
}

enum vp_code cli_template_add_value(struct vp_buf *text, const struct cli_template_part *part, const char *value,
                                    struct vp_error *err)
{
    bool fits = true;
    switch (part->place) {
    case CLI_TEMPLATE_AS_IS:
        vp_buf_add_text(text, value);
        break;
    case CLI_TEMPLATE_IN_JSON_STRING:
        add_json_escaped(text, value);
        break;
    case CLI_TEMPLATE_IN_YAML_DOUBLE:
        cli_yaml_add_double(text, value);
        break;
    case CLI_TEMPLATE_YAML_ALONE:
        vp_buf_add_text(text, "\"");
        cli_yaml_add_double(text, value);
        vp_buf_add_text(text, "\"");
        break;
    case CLI_TEMPLATE_IN_YAML_SINGLE:
        fits = cli_yaml_add_single(text, value);
        break;
    case CLI_TEMPLATE_IN_YAML_BLOCK:
        fits = cli_yaml_add_block(text, value);
        break;
    }
    if (!fits)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "line %u of the template: this value has line ends or control characters, which can't stand "
                       "there; "
                       "use double quotes",
                       part->line);
    return VP_OK;
}
