#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vp/texts.h"

#include "dotenv.h"
#include "exit.h"
#include "spec.h"

enum {
    TEMPLATE_MAX = 1024 * 1024,
    NAME_LEN_MAX = 255,
    PLACE_MAX = 4096,
    CONTENT_MAX = 8 * 1024 * 1024,
    MODE_DEFAULT = S_IRUSR | S_IWUSR
};

/* ---- changes ---- */

bool cli_plan_has_changed(const struct cli_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->sinks[i].changed)
            return true;
    return false;
}

void cli_plan_forget_changes(struct cli_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        plan->sinks[i].changed = false;
}

/* ---- sinks ---- */

static void clear_sink(struct cli_sink *sink)
{
    free(sink->name);
    cli_template_clear(&sink->template);
    cli_files_place_close(&sink->place);
    vp_buf_clear(&sink->content);
    vp_buf_clear(&sink->entry);
}

void cli_plan_clear(struct cli_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        clear_sink(&plan->sinks[i]);
    free(plan->sinks);
    for (size_t i = 0; i < plan->n_from; i++) {
        free(plan->from[i].path);
        free(plan->from[i].prefix);
    }
    free(plan->from);
    free(plan->mount);
    free(plan->role);
    *plan = (struct cli_plan){ 0 };
}

/* Takes the template over, even on failure. */
static enum vp_code add_sink(struct cli_plan *plan, enum cli_sink_kind kind, const char *name,
                             struct cli_template *template, struct cli_sink **ret_sink, struct vp_error *err)
{
    struct cli_sink sink = {
        .kind = kind, .mode = MODE_DEFAULT, .template = *template, .content = VP_BUF_INIT(CONTENT_MAX)
    };
    *template = (struct cli_template){ 0 };
    sink.place.folder = -1;
    for (size_t i = 0; name != NULL && i < plan->n; i++)
        if (plan->sinks[i].kind == kind && strcmp(plan->sinks[i].name, name) == 0) {
            clear_sink(&sink);
            return vp_fail(err, VP_REASON_USAGE, "%.200s is given twice", name);
        }
    struct cli_sink *sinks = reallocarray(plan->sinks, plan->n + 1, sizeof *sinks);
    if (sinks != NULL)
        plan->sinks = sinks;
    if (name != NULL)
        sink.name = strdup(name);
    if (sinks == NULL || (name != NULL && sink.name == NULL)) {
        clear_sink(&sink);
        return vp_fail_no_memory(err);
    }
    sinks[plan->n] = sink;
    *ret_sink = &sinks[plan->n++];
    return VP_OK;
}

/* Names that the loader, shells and the common languages look at by themselves: whoever can write a secret would decide
 * which code runs. Not all of them are known. */
/* clang-format off */
static const char *const DECIDING_BEGINNINGS[] = { "LD_", "GLIBC_TUNABLES", "BASH_FUNC_" };
static const char *const DECIDING_NAMES[] = {
    "PATH", "HOME", "SHELL", "GCONV_PATH", "LOCPATH", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES",
    "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "IFS", "PS4", "PROMPT_COMMAND",
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONBREAKPOINT", "PYTHONINSPECT",
    "PERL5OPT", "PERL5LIB", "PERLLIB", "PERL5DB", "RUBYOPT", "RUBYLIB", "NODE_OPTIONS", "NODE_PATH", "PHPRC",
    "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "LUA_INIT", "LUA_PATH", "LUA_CPATH",
    "R_PROFILE", "R_PROFILE_USER", "R_ENVIRON", "R_ENVIRON_USER", "R_LIBS", "R_LIBS_USER", "JULIA_LOAD_PATH",
    "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXEC_PATH", "GIT_ASKPASS", "GIT_PAGER", "GIT_EDITOR", "GIT_EXTERNAL_DIFF",
    "GIT_PROXY_COMMAND", "SSH_ASKPASS", "EDITOR", "VISUAL", "PAGER", "MANPAGER", "LESSOPEN",
};
/* clang-format on */

static bool decides_code(const char *name)
{
    for (size_t i = 0; i < sizeof DECIDING_BEGINNINGS / sizeof DECIDING_BEGINNINGS[0]; i++)
        if (strncmp(name, DECIDING_BEGINNINGS[i], strlen(DECIDING_BEGINNINGS[i])) == 0)
            return true;
    for (size_t i = 0; i < sizeof DECIDING_NAMES / sizeof DECIDING_NAMES[0]; i++)
        if (strcmp(name, DECIDING_NAMES[i]) == 0)
            return true;
    return false;
}

bool cli_plan_is_env_name(const char *name)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char ALLOWED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return *name != '\0' && strchr(LETTERS, *name) != NULL && name[strspn(name, ALLOWED)] == '\0' &&
           strlen(name) <= NAME_LEN_MAX && !decides_code(name);
}

static enum vp_code bad_env_name(const char *name, struct vp_error *err)
{
    return vp_fail(err, VP_REASON_USAGE,
                   "\"%.100s\" is no name for a secret in the environment: letters, digits and _ only, and none that "
                   "decides what code is run (LD_..., PATH, PYTHONPATH and the like)",
                   name);
}

static void free_textp(char **text)
{
    free(*text);
}

enum vp_code cli_plan_add_env(struct cli_plan *plan, const char *name, const char *ref, struct vp_error *err)
{
    struct cli_template template = { 0 };
    struct cli_sink *sink;
    if (!cli_plan_is_env_name(name))
        return bad_env_name(name, err);
    VP_TRY(cli_template_of_ref(ref, &template, err));
    return add_sink(plan, CLI_SINK_ENV, name, &template, &sink, err);
}

/* ---- references as values ---- */

static const char WHOLE[] = "vault:";

bool cli_plan_is_reference(const char *value)
{
    return strncmp(value, WHOLE, strlen(WHOLE)) == 0 || cli_template_has_ref(value);
}

static enum vp_code parse_value(const char *value, struct cli_template *ret_template, struct vp_error *err)
{
    if (strncmp(value, WHOLE, strlen(WHOLE)) == 0)
        return cli_template_of_ref(value + strlen(WHOLE), ret_template, err);
    return cli_template_parse(value, strlen(value), CLI_TEMPLATE_TEXT, ret_template, err);
}

enum vp_code cli_plan_add_value(struct cli_plan *plan, const char *name, const char *value, struct vp_error *err)
{
    struct cli_template template = { 0 };
    struct cli_sink *sink;
    struct vp_error fault = { 0 };
    if (cli_plan_is_reference(value) && !cli_plan_is_env_name(name))
        return bad_env_name(name, err);
    if (parse_value(value, &template, &fault) != VP_OK)
        return vp_fail(err, fault.reason == VP_REASON_USAGE ? VP_REASON_LOCAL_CONFIG : fault.reason,
                       "variable %.100s: %s", name, fault.message);
    VP_TRY(add_sink(plan, CLI_SINK_ENV, name, &template, &sink, err));
    sink->replaces = true;
    return VP_OK;
}

static bool sets(const struct cli_plan *plan, const char *name, size_t len)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->sinks[i].kind == CLI_SINK_ENV && strlen(plan->sinks[i].name) == len &&
            strncmp(plan->sinks[i].name, name, len) == 0)
            return true;
    return false;
}

enum vp_code cli_plan_resolve(struct cli_plan *plan, char *const *environment, struct vp_error *err)
{
    for (size_t i = 0; environment[i] != NULL; i++) {
        const char *equals = strchr(environment[i], '=');
        size_t len = equals == NULL ? 0 : (size_t)(equals - environment[i]);
        if (len == 0 || !cli_plan_is_reference(equals + 1) || sets(plan, environment[i], len))
            continue;
        char *name = strndup(environment[i], len);
        enum vp_code code = name == NULL ? vp_fail_no_memory(err) : cli_plan_add_value(plan, name, equals + 1, err);
        free(name);
        VP_TRY(code);
    }
    return VP_OK;
}

enum vp_code cli_plan_add_field(struct cli_plan *plan, const struct cli_plan_from *from, const char *field,
                                struct vp_error *err)
{
    struct cli_template template = { 0 };
    struct cli_sink *sink;
    struct vp_buf name = VP_BUF_INIT(NAME_LEN_MAX);
    vp_buf_add_text(&name, from->prefix);
    for (const char *at = field; *at != '\0'; at++) {
        char c = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
        bool fits = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        vp_buf_add(&name, fits ? &c : "_", 1);
    }
    enum vp_code code = vp_buf_check(&name, "a variable's name", err);
    if (code == VP_OK && (!cli_plan_is_env_name(vp_buf_text(&name)) || sets(plan, vp_buf_text(&name), name.len)))
        code = vp_fail(err, VP_REASON_LOCAL_CONFIG, "field %.100s of %.200s: %s %.100s%s", field, from->path,
                       sets(plan, vp_buf_text(&name), name.len) ? "the variable" : "no variable can be named",
                       vp_buf_text(&name),
                       sets(plan, vp_buf_text(&name), name.len) ? " is set twice: give it another PREFIX" : "");
    if (code == VP_OK)
        code = cli_template_of_field(from->path, field, &template, err);
    if (code == VP_OK)
        code = add_sink(plan, CLI_SINK_ENV, vp_buf_text(&name), &template, &sink, err);
    vp_buf_clear(&name);
    return code;
}

static enum vp_code add_from(struct cli_plan *plan, const char *text, struct vp_error *err)
{
    const char *equals = strchr(text, '=');
    size_t len = equals == NULL ? strlen(text) : (size_t)(equals - text);
    struct cli_ref ref = { 0 };
    VP_TRY(cli_ref_parse(text, len, &ref, err));
    struct cli_plan_from from = { .path = VP_TAKE(ref.path), .prefix = strdup(equals == NULL ? "" : equals + 1) };
    bool whole = ref.field == NULL && !ref.optional;
    cli_ref_clear(&ref);
    struct cli_plan_from *grown = reallocarray(plan->from, plan->n_from + 1, sizeof *grown);
    if (grown != NULL)
        plan->from = grown;
    if (grown == NULL || from.prefix == NULL || !whole) {
        free(from.path);
        free(from.prefix);
        return whole ? vp_fail_no_memory(err)
                     : vp_fail(err, VP_REASON_USAGE, "--env-from: \"%.100s\" must be PATH or PATH=PREFIX", text);
    }
    grown[plan->n_from++] = from;
    return VP_OK;
}

/* Without a place to write to: a new one in memory, which the command finds by a variable. */
static enum vp_code resolve_file(struct cli_plan *plan, const char *text, struct vp_error *err)
{
    const char *equals = strchr(text, '=');
    VP_AUTO(free_textp) char *source = equals == NULL ? strdup(text) : strndup(text, (size_t)(equals - text));
    char place[PLACE_MAX];
    char variable[NAME_LEN_MAX];
    if (source == NULL)
        return vp_fail_no_memory(err);
    if (equals != NULL)
        return cli_plan_add_template(plan, equals + 1, source, NULL, NULL, err);
    VP_TRY(cli_files_new_place(source, place, sizeof place, err));
    VP_TRY(cli_plan_add_template(plan, place, source, NULL, NULL, err));
    (void)snprintf(variable, sizeof variable, "ARV_VAULT_FILE_%u", ++plan->n_files);
    return cli_plan_add_value(plan, variable, place, err);
}

static enum vp_code set_mode(struct cli_sink *sink, const char *mode, struct vp_error *err)
{
    char *end;
    if (mode == NULL)
        return VP_OK;
    unsigned long number = strtoul(mode, &end, 8);
    if (*end != '\0' || end == mode || *mode == '-' || (number & ~(unsigned long)0777) != 0 || (number & S_IRUSR) == 0)
        return vp_fail(err, VP_REASON_USAGE, "\"%.20s\" is no mode of a file; like 0600 or 0400", mode);
    if ((number & (S_IRWXO)) != 0)
        return vp_fail(err, VP_REASON_USAGE, "mode %.20s would show a secret to everybody", mode);
    sink->mode = (mode_t)number;
    return VP_OK;
}

/* Two secrets in one file: the second would overwrite the first, by whatever path. */
static enum vp_code open_place(const struct cli_plan *plan, struct cli_sink *sink, struct vp_error *err)
{
    VP_TRY(cli_files_place_open(sink->name, &sink->place, err));
    for (size_t i = 0; i < plan->n; i++) {
        const struct cli_sink *other = &plan->sinks[i];
        if (other != sink && other->kind == CLI_SINK_FILE && other->name != NULL &&
            cli_files_same_place(&other->place, &sink->place))
            return vp_fail(err, VP_REASON_USAGE, "%.200s and %.200s are the same file", other->name, sink->name);
    }
    return VP_OK;
}

enum vp_code cli_plan_add_file(struct cli_plan *plan, const char *path, const char *ref, const char *mode,
                               struct vp_error *err)
{
    struct cli_template template = { 0 };
    struct cli_sink *sink;
    VP_TRY(cli_template_of_ref(ref, &template, err));
    VP_TRY(add_sink(plan, CLI_SINK_FILE, path, &template, &sink, err));
    VP_TRY(set_mode(sink, mode, err));
    return open_place(plan, sink, err);
}

enum vp_code cli_plan_add_template(struct cli_plan *plan, const char *path, const char *template_file,
                                   const char *kind_name, const char *mode, struct vp_error *err)
{
    struct cli_template template = { 0 };
    struct vp_buf text = VP_BUF_INIT(TEMPLATE_MAX);
    enum cli_template_kind kind;
    struct cli_sink *sink;
    VP_TRY(cli_template_kind_parse(kind_name, template_file, path, &kind, err));
    enum vp_code code = cli_files_read(template_file, "the template", &text, err);
    if (code == VP_OK)
        code = cli_template_parse(vp_buf_text(&text), text.len, kind, &template, err);
    vp_buf_clear(&text);
    VP_TRY(code);
    const char *format = kind_name == NULL ? cli_template_plain_format(template_file, path) : NULL;
    if (format != NULL)
        cli_exit_warn(plan->quiet,
                      "%.200s is rendered as plain text: values are not escaped for %s. --kind=text (in a spec \"kind\": "
                      "\"text\") says that this is meant",
                      template_file, format);
    VP_TRY(add_sink(plan, CLI_SINK_FILE, path, &template, &sink, err));
    VP_TRY(set_mode(sink, mode, err));
    return path == NULL ? VP_OK : open_place(plan, sink, err);
}

enum vp_code cli_plan_add_arguments(struct cli_plan *plan, char *const *argv, struct vp_error *err)
{
    for (size_t i = 0; argv[i] != NULL; i++) {
        struct cli_template template = { 0 };
        struct cli_sink *sink;
        if (!cli_template_has_ref(argv[i]))
            continue;
        VP_TRY(cli_template_parse(argv[i], strlen(argv[i]), CLI_TEMPLATE_TEXT, &template, err));
        VP_TRY(add_sink(plan, CLI_SINK_ARGUMENT, NULL, &template, &sink, err));
        sink->argument = i;
    }
    return VP_OK;
}

/* ---- the command line ---- */

static enum vp_code add_item(struct cli_plan *plan, const struct cli_args_item *item, struct vp_error *err)
{
    const char *equals = strchr(item->text, '=');
    if (item->kind == CLI_ARGS_ITEM_ENV_FROM)
        return add_from(plan, item->text, err);
    if (item->kind == CLI_ARGS_ITEM_ENV_FILE)
        return cli_dotenv_read(item->text, plan, err);
    if (item->kind == CLI_ARGS_ITEM_RESOLVE_FILE)
        return resolve_file(plan, item->text, err);
    if (equals == NULL || equals == item->text)
        return vp_fail(err, VP_REASON_USAGE,
                       "\"%.100s\" must be NAME=REF, like DB_PASSWORD=secret/genomics/db#password", item->text);
    char *name = strndup(item->text, (size_t)(equals - item->text));
    enum vp_code code = VP_ERR_INTERNAL;
    if (name == NULL)
        return vp_fail_no_memory(err);
    switch (item->kind) {
    case CLI_ARGS_ITEM_ENV:
        code = cli_plan_add_env(plan, name, equals + 1, err);
        break;
    case CLI_ARGS_ITEM_FILE:
        code = cli_plan_add_file(plan, name, equals + 1, NULL, err);
        break;
    case CLI_ARGS_ITEM_TEMPLATE:
        code = cli_plan_add_template(plan, name, equals + 1, NULL, NULL, err);
        break;
    case CLI_ARGS_ITEM_ENV_FROM:
    case CLI_ARGS_ITEM_ENV_FILE:
    case CLI_ARGS_ITEM_RESOLVE_FILE:
        break; /* above */
    }
    free(name);
    return code;
}

enum vp_code cli_plan_read(const struct cli_args *args, struct cli_plan *ret_plan, struct vp_error *err)
{
    struct cli_plan plan = { .quiet = args->quiet };
    const char *spec = args->spec == NULL ? getenv("ARV_VAULT_SPEC") : args->spec;
    enum vp_code code = vp_text_is_set(spec) ? cli_spec_read(spec, &plan, err) : VP_OK;
    for (size_t i = 0; code == VP_OK && i < args->n_items; i++)
        code = add_item(&plan, &args->items[i], err);
    if (code != VP_OK) {
        cli_plan_clear(&plan);
        return code;
    }
    *ret_plan = plan;
    return VP_OK;
}
