#include "deliver.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vp/json.h"
#include "vp/secret.h"

#include "exit.h"

enum { ENTRY_NAME_MAX = 1024 };

/* ---- files ---- */

static void remove_file(struct cli_sink *sink)
{
    if (sink->written)
        cli_files_remove(&sink->place);
    sink->written = false;
}

void cli_deliver_undo(struct cli_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        remove_file(&plan->sinks[i]);
}

static void warn_of(const struct cli_sink *sink, bool quiet)
{
    if (sink->place.on_disk && !sink->written)
        cli_exit_warn(quiet,
                      "%s is on a disk, where a secret outlives its job, and Arvados saves a job's output folder: use "
                      "a "
                      "folder in memory, like /dev/shm",
                      sink->name);
    if (cli_files_is_others(&sink->place))
        cli_exit_warn(quiet, "%s exists already and is replaced", sink->name);
}

enum vp_code cli_deliver_files(struct cli_plan *plan, bool quiet, struct vp_error *err)
{
    struct cli_files_item *items = calloc(plan->n + 1, sizeof *items);
    size_t n = 0;
    if (items == NULL)
        return vp_fail_no_memory(err);
    for (size_t i = 0; i < plan->n; i++) {
        struct cli_sink *sink = &plan->sinks[i];
        if (sink->kind != CLI_SINK_FILE || sink->absent)
            continue;
        warn_of(sink, quiet);
        items[n++] = (struct cli_files_item){ &sink->place, sink->name, sink->mode, &sink->content };
    }
    enum vp_code code = cli_files_write(items, n, err);
    for (size_t i = 0; code == VP_OK && i < plan->n; i++)
        if (plan->sinks[i].kind == CLI_SINK_FILE && !plan->sinks[i].absent)
            plan->sinks[i].written = true;
    free(items);
    return code;
}

/* ---- environment and arguments ---- */

static bool is_set_by(const struct cli_plan *plan, const char *entry)
{
    size_t len = strcspn(entry, "=");
    for (size_t i = 0; i < plan->n; i++)
        if (plan->sinks[i].kind == CLI_SINK_ENV && (!plan->sinks[i].absent || plan->sinks[i].replaces) &&
            strlen(plan->sinks[i].name) == len && strncmp(plan->sinks[i].name, entry, len) == 0)
            return true;
    return false;
}

static bool make_entry(struct cli_sink *sink)
{
    vp_buf_clear(&sink->entry);
    sink->entry.max = sink->content.max + ENTRY_NAME_MAX;
    vp_buf_add_text(&sink->entry, sink->name);
    vp_buf_add_text(&sink->entry, "=");
    vp_buf_add_text(&sink->entry, vp_buf_text(&sink->content));
    return !sink->entry.failed;
}

char **cli_deliver_inherited(void)
{
    size_t n = 0;
    while (environ[n] != NULL)
        n++;
    char **entries = calloc(n + 1, sizeof *entries);
    if (entries != NULL)
        memcpy(entries, environ, n * sizeof *entries);
    return entries;
}

char **cli_deliver_environment(struct cli_plan *plan, char *const *inherited)
{
    size_t n = 0;
    while (inherited[n] != NULL)
        n++;
    char **entries = calloc(n + plan->n + 1, sizeof *entries);
    if (entries == NULL)
        return NULL;
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        if (!is_set_by(plan, inherited[i]))
            entries[at++] = inherited[i];
    for (size_t i = 0; i < plan->n; i++) {
        if (plan->sinks[i].kind != CLI_SINK_ENV || plan->sinks[i].absent)
            continue;
        if (!make_entry(&plan->sinks[i])) {
            free(entries);
            return NULL;
        }
        entries[at++] = plan->sinks[i].entry.data;
    }
    return entries;
}

char **cli_deliver_arguments(struct cli_plan *plan, char *const *argv)
{
    size_t n = 0;
    while (argv[n] != NULL)
        n++;
    char **arguments = calloc(n + 1, sizeof *arguments);
    if (arguments == NULL)
        return NULL;
    static char EMPTY[] = "";
    memcpy(arguments, argv, n * sizeof *arguments);
    for (size_t i = 0; i < plan->n; i++) {
        if (plan->sinks[i].kind != CLI_SINK_ARGUMENT)
            continue;
        struct cli_sink *sink = &plan->sinks[i];
        arguments[sink->argument] = sink->content.data == NULL ? EMPTY : sink->content.data;
    }
    return arguments;
}

/* ---- copies ---- */

/* Replaces the strings of a list by copies; false without memory, and then the list holds copies up to a NULL. */
static bool copy_strings(char **list)
{
    bool good = list != NULL;
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        list[i] = good ? strdup(list[i]) : NULL;
        good = good && list[i] != NULL;
    }
    return good;
}

static void wipe_strings(char **list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        vp_wipe(list[i], strlen(list[i]));
        free(list[i]);
    }
    free(list);
}

void cli_deliver_image_clear(struct cli_deliver_image *image)
{
    wipe_strings(image->environment);
    wipe_strings(image->arguments);
    *image = (struct cli_deliver_image){ 0 };
}

enum vp_code cli_deliver_image_make(struct cli_plan *plan, char *const *inherited, char *const *argv,
                                    struct cli_deliver_image *ret_image, struct vp_error *err)
{
    struct cli_deliver_image image = { .environment = cli_deliver_environment(plan, inherited),
                                       .arguments = cli_deliver_arguments(plan, argv) };
    bool good = copy_strings(image.environment);
    if (!copy_strings(image.arguments) || !good) {
        cli_deliver_image_clear(&image);
        return vp_fail_no_memory(err);
    }
    *ret_image = image;
    return VP_OK;
}

/* ---- shells ---- */

/* In single quotes nothing means anything but the quote itself. */
static void add_quoted(struct vp_buf *text, const char *value)
{
    vp_buf_add_text(text, "'");
    for (const char *at = value; *at != '\0'; at++)
        if (*at == '\'')
            vp_buf_add_text(text, "'\\''");
        else
            vp_buf_add(text, at, 1);
    vp_buf_add_text(text, "'");
}

void cli_deliver_exports(const struct cli_plan *plan, struct vp_buf *text)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct cli_sink *sink = &plan->sinks[i];
        if (sink->kind != CLI_SINK_ENV || sink->absent)
            continue;
        vp_buf_add_format(text, "export %s=", sink->name);
        add_quoted(text, vp_buf_text(&sink->content));
        vp_buf_add_text(text, "\n");
    }
}

void cli_deliver_dotenv(const struct cli_plan *plan, struct vp_buf *text)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct cli_sink *sink = &plan->sinks[i];
        if (sink->kind != CLI_SINK_ENV || sink->absent)
            continue;
        /* Single quotes where they can be: all readers take what is in them as it is. */
        bool single = strchr(vp_buf_text(&sink->content), '\'') == NULL;
        vp_buf_add_format(text, "%s=%s", sink->name, single ? "'" : "\"");
        for (const char *at = vp_buf_text(&sink->content); *at != '\0'; at++) {
            if (!single && strchr("\"\\$`", *at) != NULL)
                vp_buf_add_text(text, "\\");
            vp_buf_add(text, at, 1);
        }
        vp_buf_add_text(text, single ? "'\n" : "\"\n");
    }
}

void cli_deliver_json(const struct cli_plan *plan, struct vp_buf *text)
{
    struct vp_json_writer writer;
    vp_json_begin(&writer, text);
    vp_json_open_object(&writer);
    for (size_t i = 0; i < plan->n; i++)
        if (plan->sinks[i].kind == CLI_SINK_ENV && !plan->sinks[i].absent)
            vp_json_add_text(&writer, plan->sinks[i].name, vp_buf_text(&plan->sinks[i].content));
    vp_json_close_object(&writer);
    vp_buf_add_text(text, "\n");
}
