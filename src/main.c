/* vault-plugin-auth-arvados: the auth method, served to an OpenBao or Vault host. */
#include "vp/auth.h"
#include "vp/plugin.h"

int main(int argc, char **argv)
{
    return plugin_serve(auth_backend(), argc, argv);
}
