/* exec: fetch, then become the command. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "deliver.h"
#include "exit.h"
#include "fetch.h"
#include "supervise.h"

struct exec {
    const struct args *args;
    struct plan plan;
    struct supervise_leases leases;
    char **environment;
    char **arguments;
    int *ret_status;
};

/* ---- what is to be done ---- */

static enum vp_code take_arguments(struct exec *job, struct vp_error *err)
{
    char *const *argv = job->args->rest;
    for (size_t i = 0; argv[i] != NULL; i++) {
        if (!template_has_ref(argv[i]))
            continue;
        if (!job->args->allow_argv)
            return vp_fail(err, VP_REASON_USAGE,
                           "argument %zu of the command has a ${vault:...} in it: arguments can be read by every "
                           "process on "
                           "the machine. Use --env or --file; --allow-argv does it all the same",
                           i);
        exit_warn(false,
                  "SECRETS GO INTO THE COMMAND'S ARGUMENTS (--allow-argv): every process on this machine can read "
                  "them as long as it runs");
        return plan_add_arguments(&job->plan, argv, err);
    }
    return VP_OK;
}

static enum vp_code fetch_and_deliver(struct session *session, struct exec *job, struct vp_error *err)
{
    VP_TRY(fetch_plan(session, &job->plan, supervise_note_lease, &job->leases, err));
    for (size_t i = 0; !job->args->supervise && i < job->leases.n; i++)
        exit_warn(job->args->quiet,
                  "a secret of this job has a lease of %lld s and ends with the Vault token: --supervise renews both",
                  (long long)job->leases.items[i].ttl_s);
    VP_TRY(deliver_files(&job->plan, job->args->quiet, err));
    job->environment = deliver_environment(&job->plan);
    job->arguments = deliver_arguments(&job->plan, job->args->rest);
    return job->environment == NULL || job->arguments == NULL ? vp_fail_no_memory(err) : VP_OK;
}

static enum vp_code deliver(struct session *session, void *context, struct vp_error *err)
{
    struct exec *job = context;
    VP_TRY(fetch_and_deliver(session, job, err));
    return job->args->supervise ? supervise_run(session, &job->plan, &job->leases, job->arguments, job->environment,
                                                job->ret_status, err)
                                : VP_OK;
}

/* ---- becoming ---- */

/* Comes back only if it failed; then *ret_status is as of env(1). */
static void become(char *const *argv, char *const *environment, int *ret_status)
{
    char why[128];
    (void)execvpe(argv[0], argv, environment);
    *ret_status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
    (void)fprintf(stderr, "arv-vault: %.200s: %s\n", argv[0], strerror_r(errno, why, sizeof why));
}

static enum vp_code run(const struct command *command, struct exec *job, struct vp_error *err)
{
    const struct command_session how = { .args = job->args,
                                         .spec_mount = job->plan.mount,
                                         .spec_role = job->plan.role };
    VP_TRY(take_arguments(job, err));
    if (job->plan.n == 0 && !job->args->supervise) {
        become(job->args->rest, environ, job->ret_status);
        return VP_OK;
    }
    /* The session ends, and with it the token and the connection, before the command begins. */
    enum vp_code code = command_with_session(command, &how, deliver, job, err);
    if (code == VP_OK && !job->args->supervise)
        become(job->arguments, job->environment, job->ret_status);
    deliver_undo(&job->plan);
    return code;
}

COMMAND(command_exec)
{
    struct exec job = { .args = args, .ret_status = ret_status };
    VP_TRY(plan_read(args, &job.plan, err));
    enum vp_code code = run(command, &job, err);
    free(job.environment);
    free(job.arguments);
    supervise_leases_clear(&job.leases);
    plan_clear(&job.plan);
    return code;
}
