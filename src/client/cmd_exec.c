/* exec: fetch, then become the command. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "become.h"
#include "commands.h"
#include "deliver.h"
#include "exit.h"
#include "fetch.h"
#include "signals.h"
#include "supervise.h"

struct exec {
    const struct cli_args *args;
    struct cli_plan plan;
    struct cli_fetch_reads leased;
    char **inherited; /* the environment as it was when the program began */
    char **environment;
    char **arguments;
    struct cli_keeper_options keeper;
    struct cli_mask *mask; /* NULL: the output is not looked at */
    int *ret_status;
};

/* ---- what is to be done ---- */

static enum vp_code take_arguments(struct exec *job, struct vp_error *err)
{
    char *const *argv = job->args->rest;
    for (size_t i = 0; argv[i] != NULL; i++) {
        if (!cli_template_has_ref(argv[i]))
            continue;
        if (!job->args->allow_argv)
            return vp_fail(err, VP_REASON_USAGE,
                           "argument %zu of the command has a ${vault:...} in it: arguments can be read by every "
                           "process on "
                           "the machine. Use --env or --file; --allow-argv does it all the same",
                           i);
        cli_exit_warn(false,
                      "SECRETS GO INTO THE COMMAND'S ARGUMENTS (--allow-argv): every process on this machine can read "
                      "them as long as it runs");
        return cli_plan_add_arguments(&job->plan, argv, err);
    }
    return VP_OK;
}

static enum vp_code take_refresh(struct exec *job, struct vp_error *err)
{
    static const char *const NAMES[] = {
        [CLI_ON_CHANGE_NONE] = "none", [CLI_ON_CHANGE_HUP] = "HUP", [CLI_ON_CHANGE_RESTART] = "restart"
    };
    const struct cli_args *args = job->args;
    int found = args->on_change == NULL ? CLI_ON_CHANGE_NONE : -1;
    if ((args->refresh != NULL || args->on_change != NULL) && !args->supervise)
        return vp_fail(err, VP_REASON_USAGE, "--refresh and --on-change need --supervise");
    if (args->refresh != NULL && !cli_settings_duration(args->refresh, &job->keeper.refresh_s))
        return vp_fail(err, VP_REASON_USAGE, "--refresh: \"%.60s\": must be a duration of at least 1s, like 5m",
                       args->refresh);
    for (int i = 0; found < 0 && i < (int)VP_LEN(NAMES); i++)
        if (strcmp(NAMES[i], args->on_change) == 0)
            found = i;
    if (found < 0)
        return vp_fail(err, VP_REASON_USAGE, "--on-change: \"%.60s\": must be HUP, restart or none", args->on_change);
    job->keeper.on_change = (enum cli_on_change)found;
    job->keeper.inherited = job->inherited;
    job->keeper.argv = args->rest;
    job->leased.replaces_all = job->keeper.on_change == CLI_ON_CHANGE_RESTART;
    return VP_OK;
}

/* ---- beginning ---- */

/* Returns when the command has ended (--supervise), or could not begin. */
static enum vp_code begin(struct cli_session *session, struct exec *job, struct vp_error *err)
{
    const struct cli_supervise_command command = { .shown = job->args->rest[0],
                                                   .argv = job->arguments,
                                                   .environment = job->environment,
                                                   .keeps = job->args->supervise,
                                                   .keeper = job->keeper,
                                                   .mask = job->mask };
    if (job->args->supervise || job->mask != NULL)
        return cli_supervise_run(session, &job->plan, &job->leased, &command, job->ret_status, err);
    *job->ret_status = cli_become_command(command.shown, command.argv, command.environment);
    return VP_OK;
}

static enum vp_code deliver(struct cli_session *session, struct exec *job, struct vp_error *err)
{
    VP_TRY(cli_deliver_files(&job->plan, job->args->quiet, err));
    job->environment = cli_deliver_environment(&job->plan, job->inherited);
    job->arguments = cli_deliver_arguments(&job->plan, job->args->rest);
    if (job->environment == NULL || job->arguments == NULL)
        return vp_fail_no_memory(err);
    /* From here on nothing but the command takes signals. One that came already keeps it from beginning. */
    cli_signals_unwatch();
    return cli_signals_came() != 0 ? VP_OK : begin(session, job, err);
}

static enum vp_code fetch_and_deliver(struct cli_session *session, void *context, struct vp_error *err)
{
    struct exec *job = context;
    VP_TRY(cli_fetch_plan(session, &job->plan, &job->leased, err));
    if (job->mask != NULL)
        VP_TRY(cli_mask_ready(job->mask, err));
    for (size_t i = 0; !job->args->supervise && i < job->leased.n; i++)
        cli_exit_warn(job->args->quiet,
                      "a secret of this job has a lease of %lld s and ends with the Vault token: --supervise renews "
                      "both",
                      (long long)job->leased.items[i].ttl_s);
    if (!job->args->supervise && !session->keep_token)
        cli_session_revoke(session);
    cli_session_disconnect(session);
    /* Nothing slow from here on, and no connection of ours is open in the command. */
    enum vp_code code = deliver(session, job, err);
    cli_deliver_undo(&job->plan);
    /* What is given back now may take long. Without a watcher a signal has its effect after that. */
    (void)cli_signals_watch();
    /* The command that lived on it has ended, or could not be had. */
    session->keep_token = false;
    return code;
}

static enum vp_code run(const struct cli_command *command, struct exec *job, struct vp_error *err)
{
    const struct cli_session_need how = { .args = job->args,
                                          .spec_mount = job->plan.mount,
                                          .spec_role = job->plan.role };
    VP_TRY(take_refresh(job, err));
    VP_TRY(take_arguments(job, err));
    if (job->args->resolve)
        VP_TRY(cli_plan_resolve(&job->plan, job->inherited, err));
    if (job->args->dry_run)
        return cli_plan_show(&job->plan, err);
    if (job->args->mask) {
        VP_TRY(cli_mask_new(&job->mask, err));
        job->plan.mask = job->mask;
    }
    /* Where references are looked for and there is none, there is nothing to keep alive. */
    if (job->plan.n == 0 && job->plan.n_from == 0 && (!job->args->supervise || job->args->resolve)) {
        cli_signals_unwatch();
        if (cli_signals_came() == 0)
            *job->ret_status = cli_become_command(job->args->rest[0], job->args->rest, job->inherited);
        return VP_OK;
    }
    return cli_session_run(command, &how, fetch_and_deliver, job, err);
}

COMMAND(cli_cmd_exec)
{
    struct exec job = { .args = args, .ret_status = ret_status, .inherited = cli_deliver_inherited() };
    enum vp_code code = job.inherited == NULL ? vp_fail_no_memory(err) : cli_plan_read(args, &job.plan, err);
    if (code == VP_OK)
        code = run(command, &job, err);
    free(job.inherited);
    free(job.environment);
    free(job.arguments);
    cli_fetch_reads_clear(&job.leased);
    cli_mask_free(job.mask);
    cli_plan_clear(&job.plan);
    return code;
}
