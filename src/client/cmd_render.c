/* env, render: secrets as text. What is to be written is while the session lasts: if it can't be, no lease is left. */
#include <string.h>
#include <unistd.h>

#include "vp/json.h"

#include "commands.h"
#include "deliver.h"
#include "exit.h"
#include "fetch.h"
#include "output.h"
#include "signals.h"

/* ---- env ---- */

enum env_format { FOR_SHELLS, DOTENV, AS_JSON };

static enum vp_code parse_env_format(const char *text, enum env_format *ret_format, struct vp_error *err)
{
    static const char *const NAMES[] = { [FOR_SHELLS] = "shell", [DOTENV] = "dotenv", [AS_JSON] = "json" };
    *ret_format = FOR_SHELLS;
    if (text == NULL)
        return VP_OK;
    for (int i = 0; i < (int)(sizeof NAMES / sizeof NAMES[0]); i++)
        if (strcmp(NAMES[i], text) == 0) {
            *ret_format = (enum env_format)i;
            return VP_OK;
        }
    return vp_fail(err, VP_REASON_USAGE, "--format: must be shell, dotenv or json");
}

static enum vp_code check_only_env(const struct cli_plan *plan, struct vp_error *err)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->sinks[i].kind != CLI_SINK_ENV)
            return vp_fail(err, VP_REASON_USAGE,
                           "the spec has files or templates, which env does not write: arv-vault exec --spec does");
    if (plan->n == 0 && plan->n_from == 0)
        return vp_fail(err, VP_REASON_USAGE, "no secret is named: give --env NAME=REF, or a spec");
    return VP_OK;
}

struct env {
    struct cli_plan plan;
    enum env_format format;
};

static enum vp_code print_exports(struct cli_session *session, void *context, struct vp_error *err)
{
    struct env *job = context;
    struct vp_buf text = VP_BUF_INIT(CLI_OUTPUT_MAX);
    VP_TRY(cli_fetch_plan(session, &job->plan, NULL, err));
    cli_session_end_progress(session);
    if (job->format == FOR_SHELLS)
        cli_deliver_exports(&job->plan, &text);
    else if (job->format == DOTENV)
        cli_deliver_dotenv(&job->plan, &text);
    else
        cli_deliver_json(&job->plan, &text);
    enum vp_code code = vp_buf_check(&text, "the exports", err);
    if (code == VP_OK)
        code = cli_output_raw(&text, err);
    vp_buf_clear(&text);
    return code;
}

/* eval "$(arv-vault env ...)" takes the status of what is printed, not ours: so that a script under sh -e ends. */
static void print_failure(const struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(64);
    struct vp_error unread;
    vp_buf_add_format(&text, "(exit %d)\n", cli_exit_status(err));
    if (cli_signals_came() == 0)
        (void)!cli_output_raw(&text, &unread);
    vp_buf_clear(&text);
}

static enum vp_code env(const struct cli_command *command, const struct cli_args *args, struct env *job,
                        struct vp_error *err)
{
    struct cli_args with_spec = *args;
    if (args->n_rest > 0 && args->spec != NULL)
        return vp_fail(err, VP_REASON_USAGE, "a spec is given twice");
    if (args->n_rest > 0)
        with_spec.spec = args->rest[0];
    VP_TRY(parse_env_format(args->format, &job->format, err));
    VP_TRY(cli_plan_read(&with_spec, &job->plan, err));
    const struct cli_session_need how = { .args = &with_spec,
                                          .spec_mount = job->plan.mount,
                                          .spec_role = job->plan.role };
    VP_TRY(check_only_env(&job->plan, err));
    return args->dry_run ? cli_plan_show(&job->plan, err) : cli_session_run(command, &how, print_exports, job, err);
}

COMMAND(cli_cmd_env)
{
    struct env job = { .format = FOR_SHELLS };
    (void)ret_status;
    enum vp_code code = env(command, args, &job, err);
    if (code != VP_OK && job.format == FOR_SHELLS && isatty(STDOUT_FILENO) != 1)
        print_failure(err);
    cli_plan_clear(&job.plan);
    return code;
}

/* ---- render ---- */

static enum vp_code render(struct cli_session *session, void *context, struct vp_error *err)
{
    struct cli_plan *plan = context;
    struct cli_sink *sink = &plan->sinks[0];
    VP_TRY(cli_fetch_plan(session, plan, NULL, err));
    cli_session_end_progress(session);
    sink->absent = false; /* a template of nothing but an optional secret: an empty file */
    return sink->name == NULL ? cli_output_raw(&sink->content, err)
                              : cli_deliver_files(plan, session->settings->quiet, err);
}

COMMAND(cli_cmd_render)
{
    const struct cli_session_need how = { .args = args };
    bool to_output = strcmp(args->rest[1], "-") == 0;
    struct cli_plan plan = { .quiet = args->quiet };
    (void)ret_status;
    enum vp_code code =
        cli_plan_add_template(&plan, to_output ? NULL : args->rest[1], args->rest[0], args->kind, args->mode, err);
    if (code == VP_OK)
        code = cli_session_run(command, &how, render, &plan, err);
    cli_plan_clear(&plan);
    return code;
}
