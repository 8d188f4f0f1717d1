/* arv-vault: secrets at container start. */
#include "vp/client.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
