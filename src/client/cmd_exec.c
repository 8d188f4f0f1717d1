/* exec: fetch, then become the command. */
#include <stdlib.h>
#include <unistd.h>

#include "become.h"
#include "commands.h"
#include "deliver.h"
#include "exit.h"
#include "fetch.h"
#include "supervise.h"

struct exec {
    const struct cli_args *args;
    struct cli_plan plan;
    struct cli_fetch_reads leased;
    char **environment;
    char **arguments;
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

/* ---- beginning ---- */

/* Comes back if the command can't be had. */
static enum vp_code become(struct exec *job, const struct cli_signals *signals)
{
    struct cli_signals again;
    cli_signals_release(signals);
    *job->ret_status = cli_become_command(job->args->rest[0], job->arguments, job->environment);
    cli_signals_hold(&again); /* until the files are gone */
    return VP_OK;
}

static enum vp_code begin(struct cli_session *session, struct exec *job, const struct cli_signals *signals,
                          struct vp_error *err)
{
    const struct cli_supervise_command command = {
        .shown = job->args->rest[0], .argv = job->arguments, .environment = job->environment, .signals = signals
    };
    return job->args->supervise ? cli_supervise_run(session, &job->plan, &job->leased, &command, job->ret_status, err)
                                : become(job, signals);
}

static enum vp_code deliver_and_begin(struct cli_session *session, struct exec *job, const struct cli_signals *signals,
                                      struct vp_error *err)
{
    VP_TRY(cli_deliver_files(&job->plan, job->args->quiet, err));
    job->environment = cli_deliver_environment(&job->plan);
    job->arguments = cli_deliver_arguments(&job->plan, job->args->rest);
    if (job->environment == NULL || job->arguments == NULL)
        return vp_fail_no_memory(err);
    /* Whoever sent it wants no command to begin; it ends us once the files are gone. */
    return cli_signals_came(signals) ? VP_OK : begin(session, job, signals, err);
}

/* From the first file on nothing ends us before the command can: nobody else would remove them. So nothing slow may happen
 * there, and nobody else's connection be open. */
static enum vp_code deliver(struct cli_session *session, struct exec *job, struct vp_error *err)
{
    struct cli_signals signals;
    cli_signals_hold(&signals);
    enum vp_code code = deliver_and_begin(session, job, &signals, err);
    cli_deliver_undo(&job->plan);
    cli_signals_release(&signals);
    return code;
}

static enum vp_code fetch_and_deliver(struct cli_session *session, void *context, struct vp_error *err)
{
    struct exec *job = context;
    VP_TRY(cli_fetch_plan(session, &job->plan, &job->leased, err));
    for (size_t i = 0; !job->args->supervise && i < job->leased.n; i++)
        cli_exit_warn(job->args->quiet,
                      "a secret of this job has a lease of %lld s and ends with the Vault token: --supervise renews "
                      "both",
                      (long long)job->leased.items[i].ttl_s);
    if (!job->args->supervise && !session->keep_token)
        cli_session_revoke(session);
    cli_session_disconnect(session);
    enum vp_code code = deliver(session, job, err);
    /* The command that lived on it has ended, or could not be had. */
    session->keep_token = false;
    return code;
}

static enum vp_code run(const struct cli_command *command, struct exec *job, struct vp_error *err)
{
    const struct cli_session_need how = { .args = job->args,
                                          .spec_mount = job->plan.mount,
                                          .spec_role = job->plan.role };
    VP_TRY(take_arguments(job, err));
    if (job->plan.n == 0 && !job->args->supervise) {
        *job->ret_status = cli_become_command(job->args->rest[0], job->args->rest, environ);
        return VP_OK;
    }
    return cli_session_run(command, &how, fetch_and_deliver, job, err);
}

COMMAND(cli_cmd_exec)
{
    struct exec job = { .args = args, .ret_status = ret_status };
    VP_TRY(cli_plan_read(args, &job.plan, err));
    enum vp_code code = run(command, &job, err);
    free(job.environment);
    free(job.arguments);
    cli_fetch_reads_clear(&job.leased);
    cli_plan_clear(&job.plan);
    return code;
}
