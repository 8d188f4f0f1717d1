/* env, render: secrets as text. What is to be written is while the session lasts: if it can't be, no lease is left. */
#include <string.h>

#include "vp/json.h"

#include "commands.h"
#include "deliver.h"
#include "fetch.h"
#include "output.h"

/* ---- env ---- */

static enum vp_code check_only_env(const struct plan *plan, struct vp_error *err)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->sinks[i].kind != SINK_ENV)
            return vp_fail(err, VP_REASON_USAGE,
                           "the spec has files or templates, which env does not write: arv-vault exec --spec does");
    if (plan->n == 0)
        return vp_fail(err, VP_REASON_USAGE, "no secret is named: give --env NAME=REF, or a spec");
    return VP_OK;
}

static enum vp_code print_exports(struct session *session, void *context, struct vp_error *err)
{
    struct plan *plan = context;
    struct vp_buf text = VP_BUF_INIT(OUTPUT_MAX);
    VP_TRY(fetch_plan(session, plan, NULL, err));
    session_end_progress(session);
    deliver_exports(plan, &text);
    enum vp_code code = vp_buf_check(&text, "the exports", err);
    if (code == VP_OK)
        code = output_raw(&text, err);
    vp_buf_clear(&text);
    return code;
}

COMMAND(command_env)
{
    struct args with_spec = *args;
    struct plan plan = { 0 };
    (void)ret_status;
    if (args->n_rest > 0 && args->spec != NULL)
        return vp_fail(err, VP_REASON_USAGE, "a spec is given twice");
    if (args->n_rest > 0)
        with_spec.spec = args->rest[0];
    VP_TRY(plan_read(&with_spec, &plan, err));
    const struct command_session how = { .args = &with_spec, .spec_mount = plan.mount, .spec_role = plan.role };
    enum vp_code code = check_only_env(&plan, err);
    if (code == VP_OK)
        code = command_with_session(command, &how, print_exports, &plan, err);
    plan_clear(&plan);
    return code;
}

/* ---- render ---- */

static enum vp_code render(struct session *session, void *context, struct vp_error *err)
{
    struct plan *plan = context;
    struct sink *sink = &plan->sinks[0];
    VP_TRY(fetch_plan(session, plan, NULL, err));
    session_end_progress(session);
    sink->absent = false; /* a template of nothing but an optional secret: an empty file */
    return sink->name == NULL ? output_raw(&sink->content, err) : deliver_files(plan, session->settings->quiet, err);
}

COMMAND(command_render)
{
    const struct command_session how = { .args = args };
    bool to_output = strcmp(args->rest[1], "-") == 0;
    struct plan plan = { 0 };
    (void)ret_status;
    enum vp_code code =
        plan_add_template(&plan, to_output ? NULL : args->rest[1], args->rest[0], args->kind, args->mode, err);
    if (code == VP_OK)
        code = command_with_session(command, &how, render, &plan, err);
    plan_clear(&plan);
    return code;
}
