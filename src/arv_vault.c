/* arv-vault: secrets at container start. */
#include "vp/client.h"

int main(int argc, char **argv)
{
    return client_main(argc, argv);
}
