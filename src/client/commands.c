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
      "Delivers secrets in environment variables, files and templates, then becomes COMMAND with the same process id. "
      "Either all secrets are delivered, or COMMAND does not start. The token of a login is revoked first. With "
      "--supervise arv-vault stays, renews the token, forwards signals, and cleans up at the end.",
      "arv-vault exec --env=DB_PASSWORD=secret/genomics/db#password -- psql\n"
      "arv-vault exec --resolve --mask --supervise -- python job.py",
      ASKS | CLI_ARGS_EXEC | CLI_ARGS_SPEC, true, true, 1, SIZE_MAX, cli_cmd_exec },
    { "env", "[SPEC]", "print secrets as exports for a shell",
      "SPEC is a spec file. On failure it prints a failing command, so that a script under sh -e ends.",
      "eval \"$(arv-vault env --env=DB_PASSWORD=secret/genomics/db#password)\"",
      ASKS | CLI_ARGS_ENV | CLI_ARGS_SPEC, true, false, 0, 1, cli_cmd_env },
    { "render", "TEMPLATE DEST", "render a text, JSON or YAML file that contains ${vault:PATH#FIELD}",
      "Writes DEST as a whole, with mode 0600; - is standard output.",
      "arv-vault render config.yaml.in /dev/shm/config.yaml", ASKS | CLI_ARGS_RENDER, true, false, 2, 2,
      cli_cmd_render },
    { "get", "PATH[#FIELD]", "print one field as it is, or one secret as JSON", "",
      "arv-vault get secret/genomics/db#password", ASKS | CLI_ARGS_GET, false, false, 1, 1, cli_cmd_get },
    { "get-all", "PATH", "print a secret as a JSON object", "", "arv-vault get-all secret/genomics/db",
      ASKS | CLI_ARGS_GET, false, false, 1, 1, cli_cmd_get_all },
    { "put", "PATH#FIELD", "write one field of a secret",
      "Reads the value from standard input, or asks for it twice without echo on a terminal. Keeps the other fields, "
      "and fails if the secret is changed meanwhile (check-and-set). Prints the new version.",
      "arv-vault put secret/genomics/db#password < password.txt", ASKS | CLI_ARGS_FIELD, false, false, 1, 1,
      cli_cmd_put },
    { "list", "PATH", "list the secrets below a path", "", "arv-vault list secret/genomics", ASKS | CLI_ARGS_SHOW,
      false, false, 1, 1, cli_cmd_list },
    { "delete", "PATH[#FIELD]", "delete a secret, or one field of it",
      "In KV v2 it deletes the newest version, which bao kv undelete restores.",
      "arv-vault delete secret/genomics/db#password", ASKS | CLI_ARGS_FIELD, false, false, 1, 1, cli_cmd_delete },
    { "put-all", "PATH", "write a secret from a JSON object on standard input",
      "Replaces the whole secret, and only if no other client changed it meanwhile (check-and-set). Prints the new "
      "version.",
      "echo '{\"user\": \"ann\", \"password\": \"...\"}' | arv-vault put-all secret/genomics/db", ASKS | CLI_ARGS_PUT,
      false, false, 1, 1, cli_cmd_put_all },
    { "login", "", "log in with the Arvados token and print the Vault token", "", "export BAO_TOKEN=$(arv-vault login)",
      CLI_ARGS_SERVER | CLI_ARGS_LOGIN | CLI_ARGS_STORE, false, false, 0, 0, cli_cmd_login },
    { "whoami", "", "show the token's identity, policies and TTL", "", "arv-vault whoami --format=json",
      ASKS | CLI_ARGS_SHOW, false, false, 0, 0, cli_cmd_whoami },
    { "renew", "", "renew the given Vault token and print its TTL", "", "arv-vault renew --increment=1h",
      CLI_ARGS_SERVER | CLI_ARGS_TOKEN | CLI_ARGS_RENEW, false, false, 0, 0, cli_cmd_renew },
    { "revoke", "", "revoke the given Vault token", "", "arv-vault revoke", CLI_ARGS_SERVER | CLI_ARGS_TOKEN, false,
      false, 0, 0, cli_cmd_revoke },
    { "wrap", "[PATH]", "wrap a secret in a token that can be opened once",
      "Without PATH it wraps a JSON object from standard input. Prints the wrapping token, and on standard error the "
      "creation path, which unwrap requires.",
      "arv-vault wrap --ttl=5m secret/genomics/db > wrapping", ASKS | CLI_ARGS_WRAP | CLI_ARGS_SHOW, false, false, 0,
      1, cli_cmd_wrap },
    { "unwrap", "", "open a wrapping token and print its content",
      "Reads the wrapping token from standard input. --creation-path is required: it detects a token that was "
      "exchanged on its way, and leaves that one unopened.",
      "arv-vault unwrap --creation-path=secret/data/genomics/db < wrapping", CLI_ARGS_SERVER | CLI_ARGS_UNWRAP, false,
      false, 0, 0, cli_cmd_unwrap },
    { "secret-mounts", "", "resolve vault: references in a container's secret_mounts (JSON in, JSON out)",
      "For a hook in crunch-run: see explanation/crunch-run-hook.md in the documentation.",
      "arv-vault secret-mounts < container.json", ASKS, true, false, 0, 0, cli_cmd_secret_mounts },
    { "serve", "--stdio", "answer requests of another program on standard input and output",
      "Requests and answers are lines of JSON. It logs in once, renews the token, and ends with its standard input. "
      "The Python package uses it.",
      "echo '{\"do\": \"get\", \"ref\": \"secret/genomics/db#password\"}' | arv-vault serve --stdio",
      ASKS | CLI_ARGS_SERVE, false, false, 0, 0, cli_cmd_serve },
    { "grant", "add USER POLICY | list [USER] | remove USER POLICY | remove LINK_UUID | check USER",
      "manage grants in Arvados (for administrators)",
      "Uses your own Arvados token (an admin's), and your Vault token to read what counts at the mount. USER is a "
      "username, an e-mail address, a role's name, or the uuid of a user or role; check also takes a container's.",
      "arv-vault grant add ann@example.org arvados-genomics-ro --reason=\"ticket 4711\"\n"
      "arv-vault grant list",
      ASKS | CLI_ARGS_SHOW | CLI_ARGS_GRANT, false, false, 1, 3, cli_cmd_grant },
    { "doctor", "[PATH]", "check each step from the environment to the secret, and suggest a fix for each failure",
      "With PATH it also tries to read that secret. Shows no secret.", "arv-vault doctor secret/genomics/db",
      ASKS | CLI_ARGS_SHOW, false, false, 0, 1, cli_cmd_doctor },
    { "completion", "bash | zsh | fish", "print a completion script for a shell", "",
      "source <(arv-vault completion bash)", 0, false, false, 1, 1, cli_cmd_completion },
    { "version", "", "show the version", "", "arv-vault version --server", ASKS | CLI_ARGS_SHOW | CLI_ARGS_VERSION,
      false, false, 0, 0, cli_cmd_version },
    { "help", "[COMMAND | manual]", "show this help, that of a command, or the manual page", "", "arv-vault help exec",
      0, false, false, 0, 1, cli_cmd_help },
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
