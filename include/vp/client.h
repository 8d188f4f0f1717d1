/* arv-vault, the program: fetches secrets for a container from OpenBao or Vault. */
#pragma once

/* Runs one command line; the exit status (docs/reference/client.md), or never comes back: `exec` becomes its command. */
int cli_main(int argc, char **argv);
