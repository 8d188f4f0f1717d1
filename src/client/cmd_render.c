/* env, render: secrets as text. What is to be written is while the session lasts: if it can't be, no lease is left. */
#include <string.h>

#include "vp/json.h"

#include "commands.h"
#include "deliver.h"
#include "fetch.h"
#include "output.h"

/* ---- env ---- */

static enum vp_code check_only_env(const struct cli_plan *plan, struct vp_error *err)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->sinks[i].kind != CLI_SINK_ENV)
            return vp_fail(err, VP_REASON_USAGE,
                           "the spec has files or templates, which env does not write: arv-vault exec --spec does");
    if (plan->n == 0)
        return vp_fail(err, VP_REASON_USAGE, "no secret is named: give --env NAME=REF, or a spec");
    return VP_OK;
}

static enum vp_code print_exports(struct cli_session *session, void *context, struct vp_error *err)
{
    struct cli_plan *plan = context;
    struct vp_buf text = VP_BUF_INIT(CLI_OUTPUT_MAX);
    VP_TRY(cli_fetch_plan(session, plan, NULL, err));
    cli_session_end_progress(session);
    cli_deliver_exports(plan, &text);
    enum vp_code code = vp_buf_check(&text, "the exports", err);
    if (code == VP_OK)
        code = cli_output_raw(&text, err);
    vp_buf_clear(&text);
    return code;
}

COMMAND(cli_cmd_env)
{
    struct cli_args with_spec = *args;
    struct cli_plan plan = { 0 };
    (void)ret_status;
    if (args->n_rest > 0 && args->spec != NULL)
        return vp_fail(err, VP_REASON_USAGE, "a spec is given twice");
    if (args->n_rest > 0)
        with_spec.spec = args->rest[0];
    VP_TRY(cli_plan_read(&with_spec, &plan, err));
    const struct cli_session_need how = { .args = &with_spec, .spec_mount = plan.mount, .spec_role = plan.role };
    enum vp_code code = check_only_env(&plan, err);
    if (code == VP_OK)
        code = cli_session_run(command, &how, print_exports, &plan, err);
    cli_plan_clear(&plan);
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
    struct cli_plan plan = { 0 };
    (void)ret_status;
    enum vp_code code =
        cli_plan_add_template(&plan, to_output ? NULL : args->rest[1], args->rest[0], args->kind, args->mode, err);
    if (code == VP_OK)
        code = cli_session_run(command, &how, render, &plan, err);
    cli_plan_clear(&plan);
    return code;
}
