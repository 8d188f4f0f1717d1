/* vault-plugin-secrets-arvados: the secrets engine, served to an OpenBao or Vault host. */
#include "vp/plugin.h"
#include "vp/tokens.h"

int main(int argc, char **argv)
{
    return plugin_serve(tokens_backend(), argc, argv);
}
