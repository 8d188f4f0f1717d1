/* env, render, secret-mounts: secrets as text. */
#include <string.h>

#include "vp/json.h"

#include "commands.h"
#include "deliver.h"
#include "fetch.h"
#include "output.h"

static enum vp_code fetch(struct session *session, void *context, struct vp_error *err)
{
    return fetch_plan(session, context, NULL, NULL, err);
}

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

static enum vp_code print_exports(const struct command *command, const struct args *args, struct plan *plan,
                                  struct vp_error *err)
{
    const struct command_session how = { .args = args, .spec_mount = plan->mount, .spec_role = plan->role };
    struct vp_buf text = VP_BUF_INIT(OUTPUT_MAX);
    VP_TRY(check_only_env(plan, err));
    enum vp_code code = command_with_session(command, &how, fetch, plan, err);
    if (code == VP_OK) {
        deliver_exports(plan, &text);
        code = vp_buf_check(&text, "the exports", err);
    }
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
    enum vp_code code = print_exports(command, &with_spec, &plan, err);
    plan_clear(&plan);
    return code;
}

/* ---- render ---- */

static enum vp_code write_rendered(const struct args *args, struct plan *plan, bool to_output, struct vp_error *err)
{
    return to_output ? output_raw(&plan->sinks[0].content, err) : deliver_files(plan, args->quiet, err);
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
        code = command_with_session(command, &how, fetch, &plan, err);
    if (code == VP_OK && plan.sinks[0].absent)
        plan.sinks[0].absent = false; /* a template of nothing but an optional secret: an empty file */
    if (code == VP_OK)
        code = write_rendered(args, &plan, to_output, err);
    plan_clear(&plan);
    return code;
}
