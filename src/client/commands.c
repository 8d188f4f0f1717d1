/* The table of commands, and how one is run. */
#include "commands.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "vp/client.h"
#include "vp/libraries.h"
#include "vp/thread.h"

#include "exit.h"
#include "signals.h"

#define ASKS (CLI_ARGS_SERVER | CLI_ARGS_TOKEN | CLI_ARGS_LOGIN)

const struct cli_command CLI_COMMANDS[] = {
    { "exec", "[--] COMMAND...", "fetch secrets, then become COMMAND",
      "Secrets go into the environment, into files and into templates, as the options say; then arv-vault becomes "
      "COMMAND, "
      "with the same process id. It fetches all or nothing, and revokes its own token before. With --supervise it "
      "stays, "
      "renews the token, passes signals on and cleans up at the end.",
      ASKS | CLI_ARGS_EXEC | CLI_ARGS_SPEC, true, true, 1, SIZE_MAX, cli_cmd_exec },
    { "env", "[SPEC]", "print secrets as exports for a shell",
      "For eval \"$(arv-vault env --env DB_PASSWORD=secret/genomics/db#password)\"; SPEC is a spec file.",
      ASKS | CLI_ARGS_ENV | CLI_ARGS_SPEC, true, false, 0, 1, cli_cmd_env },
    { "render", "TEMPLATE DEST", "fill in ${vault:PATH#FIELD} in a text, JSON or YAML file",
      "DEST is written at once, mode 0600; - is standard output.", ASKS | CLI_ARGS_RENDER, true, false, 2, 2,
      cli_cmd_render },
    { "get", "PATH[#FIELD]", "print one secret as JSON, or one field as it is", "", ASKS | CLI_ARGS_GET, false, false,
      1, 1, cli_cmd_get },
    { "get-all", "PATH", "print a whole secret as a JSON object", "", ASKS | CLI_ARGS_GET, false, false, 1, 1,
      cli_cmd_get_all },
    { "put", "PATH#FIELD", "write one field of a secret",
      "The value comes from standard input, or is asked for twice without being shown. The other fields stay, and the "
      "write fails if the secret was changed meanwhile (check-and-set). Prints the new version.",
      ASKS | CLI_ARGS_FIELD, false, false, 1, 1, cli_cmd_put },
    { "list", "PATH", "list what is below a path", "", ASKS | CLI_ARGS_SHOW, false, false, 1, 1, cli_cmd_list },
    { "delete", "PATH[#FIELD]", "delete a secret, or one field of it",
      "Of KV v2 the newest version, which bao kv undelete brings back.", ASKS | CLI_ARGS_FIELD, false, false, 1, 1,
      cli_cmd_delete },
    { "put-all", "PATH", "write a whole secret: a JSON object from standard input",
      "All or nothing, and only if nobody else wrote it meanwhile (check-and-set). Prints the new version.",
      ASKS | CLI_ARGS_PUT, false, false, 1, 1, cli_cmd_put_all },
    { "login", "", "log in with the Arvados token and print the Vault token", "",
      CLI_ARGS_SERVER | CLI_ARGS_LOGIN | CLI_ARGS_STORE, false, false, 0, 0, cli_cmd_login },
    { "whoami", "", "who the token is, what it may read, how long it lives", "", ASKS | CLI_ARGS_SHOW, false, false, 0,
      0, cli_cmd_whoami },
    { "renew", "", "let the token live longer", "", CLI_ARGS_SERVER | CLI_ARGS_TOKEN | CLI_ARGS_RENEW, false, false, 0,
      0, cli_cmd_renew },
    { "revoke", "", "end the token", "", CLI_ARGS_SERVER | CLI_ARGS_TOKEN, false, false, 0, 0, cli_cmd_revoke },
    { "wrap", "[PATH]", "put a secret into a wrapping that can be opened once",
      "Without PATH it wraps a JSON object from standard input. Prints the wrapping token; the creation path, which "
      "whoever "
      "opens it must know, goes to standard error.",
      ASKS | CLI_ARGS_WRAP | CLI_ARGS_SHOW, false, false, 0, 1, cli_cmd_wrap },
    { "unwrap", "", "open a wrapping if it is the right one",
      "The wrapping token comes by standard input. --creation-path is required: it tells a wrapping that was exchanged "
      "on its "
      "way.",
      CLI_ARGS_SERVER | CLI_ARGS_UNWRAP, false, false, 0, 0, cli_cmd_unwrap },
    { "secret-mounts", "", "fill in vault: references of a container's secret_mounts (JSON in, JSON out)",
      "For a hook of crunch-run, docs/explanation/crunch-run-hook.md.", ASKS, true, false, 0, 0, cli_cmd_secret_mounts },
    { "serve", "--stdio", "answer requests of another program on standard input and output",
      "Requests and answers are lines of JSON. It logs in once, renews the token, and ends when standard input ends. "
      "The "
      "Python package uses it.",
      ASKS | CLI_ARGS_SERVE, false, false, 0, 0, cli_cmd_serve },
    { "grant", "add USER POLICY | list [USER] | remove USER POLICY | remove LINK_UUID | check USER",
      "for Arvados admins: who may have which policy",
      "Uses your own Arvados token (an admin's), and your Vault token to read what counts at the mount. USER is a "
      "username, an e-mail address, a role's name, or the uuid of a user or role; check also takes a container's.",
      ASKS | CLI_ARGS_SHOW | CLI_ARGS_GRANT, false, false, 1, 3, cli_cmd_grant },
    { "doctor", "[PATH]", "look at every link of the chain, with a verdict and the mend for each",
      "With PATH it also tries to read that secret. Shows no secret.", ASKS | CLI_ARGS_SHOW, false, false, 0, 1,
      cli_cmd_doctor },
    { "version", "", "its own version", "", ASKS | CLI_ARGS_SHOW | CLI_ARGS_VERSION, false, false, 0, 0,
      cli_cmd_version },
    { "help", "[COMMAND | manual]", "this, or more about a command", "", 0, false, false, 0, 1, cli_cmd_help },
};
const size_t N_CLI_COMMANDS = sizeof CLI_COMMANDS / sizeof CLI_COMMANDS[0];

/* ---- running ---- */

static const struct cli_command *find(const char *name)
{
    for (size_t i = 0; i < N_CLI_COMMANDS; i++)
        if (strcmp(CLI_COMMANDS[i].name, name) == 0)
            return &CLI_COMMANDS[i];
    return NULL;
}

static enum vp_code run(const struct cli_command *command, int argc, char **argv, int *ret_status, struct vp_error *err)
{
    struct cli_args args;
    VP_TRY(cli_args_parse(argc, argv, command->groups, command->stops, &args, err));
    if (args.help) {
        args.rest = &argv[0];
        args.n_rest = 1;
        argv[0] = (char *)(uintptr_t)command->name;
        return cli_cmd_help(command, &args, ret_status, err);
    }
    if (args.n_rest < command->min_words || args.n_rest > command->max_words)
        return vp_fail(err, VP_REASON_USAGE, "write it like this: arv-vault %s [options] %s", command->name,
                       command->words);
    return command->run(command, &args, ret_status, err);
}

/* Our caller may have closed them: then a secret's file could become standard output. What is opened instead fails when it
 * is used, so that a token that is printed to a closed standard output is no success. */
static bool open_standard_files(void)
{
    static const int FLAGS[] = { O_WRONLY, O_RDONLY, O_WRONLY };
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", FLAGS[fd]) != fd)
            return false;
    return true;
}

static void look_away(int number)
{
    (void)number;
}

/* Whoever read our output has gone, or a file may not grow so large (ulimit -f): the write says so, and what is to be cleaned
 * up is. A handler, since execve() undoes it for the command; who had the signal ignored before us keeps that. */
static void survive_failed_writes(void)
{
    static const int OF_WRITES[] = { SIGPIPE, SIGXFSZ };
    struct sigaction before;
    struct sigaction action = { .sa_handler = look_away, .sa_flags = SA_RESTART };
    for (size_t i = 0; i < sizeof OF_WRITES / sizeof OF_WRITES[0]; i++)
        if (sigaction(OF_WRITES[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            (void)sigaction(OF_WRITES[i], &action, NULL);
}

static enum vp_code no_command(const char *name, struct vp_error *err)
{
    enum { MOST = 2 };
    const char *near = NULL;
    size_t best = MOST + 1;
    for (size_t i = 0; i < N_CLI_COMMANDS; i++) {
        size_t distance = cli_args_distance(name, CLI_COMMANDS[i].name, MOST);
        if (distance >= best || distance >= strlen(CLI_COMMANDS[i].name))
            continue;
        best = distance;
        near = CLI_COMMANDS[i].name;
    }
    return vp_fail(err, VP_REASON_USAGE, "there is no command \"%.40s\"%s%s; arv-vault help lists them", name,
                   near == NULL ? "" : ": did you mean ", near == NULL ? "" : near);
}

static int run_line(int argc, char **argv)
{
    struct vp_error error = { 0 };
    int status = 0;
    const char *name = argc < 2 ? "help" : argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct cli_command *command = find(name);
    enum vp_code code = vp_libraries_settle(&error);
    if (code == VP_OK && command == NULL)
        code = no_command(name, &error);
    else if (code == VP_OK)
        code = run(command, argc < 2 ? argc : argc - 1, argc < 2 ? argv : argv + 1, &status, &error);
    if (code == VP_OK)
        return status;
    /* What a signal ended is no failure to report. */
    if (cli_signals_came() == 0)
        cli_exit_tell(&error);
    return cli_exit_status(&error);
}

int cli_main(int argc, char **argv)
{
    struct vp_error error = { 0 };
    cli_signals_block();
    vp_threads_settle();
    /* No core with secrets in it, nobody reads our memory; execve() undoes it for the command. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    survive_failed_writes();
    if (!open_standard_files())
        return CLI_EXIT_IO;
    if (!cli_signals_watch()) {
        (void)vp_fail(&error, VP_REASON_INTERNAL, "no thread can be started to watch for signals");
        cli_exit_tell(&error);
        return cli_signals_end(CLI_EXIT_INTERNAL);
    }
    return cli_signals_end(run_line(argc, argv));
}
