#include "plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vp/texts.h"

#include "spec.h"

enum {
    TEMPLATE_MAX = 1024 * 1024,
    NAME_LEN_MAX = 255,
    CONTENT_MAX = 8 * 1024 * 1024,
    MODE_DEFAULT = S_IRUSR | S_IWUSR
};

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
            return vp_fail(err, VP_REASON_USAGE, "%.200s is asked for twice", name);
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

enum vp_code cli_plan_add_env(struct cli_plan *plan, const char *name, const char *ref, struct vp_error *err)
{
    struct cli_template template = { 0 };
    struct cli_sink *sink;
    if (!cli_plan_is_env_name(name))
        return vp_fail(err, VP_REASON_USAGE,
                       "\"%.100s\" is no name for a secret in the environment: letters, digits and _ only, and none "
                       "that decides what code is run (LD_..., PATH, PYTHONPATH and the like)",
                       name);
    VP_TRY(cli_template_of_ref(ref, &template, err));
    return add_sink(plan, CLI_SINK_ENV, name, &template, &sink, err);
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
    }
    free(name);
    return code;
}

enum vp_code cli_plan_read(const struct cli_args *args, struct cli_plan *ret_plan, struct vp_error *err)
{
    struct cli_plan plan = { 0 };
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
