/* What the sites of a process share. */
#pragma once

#include "vp/http.h"

/* A number that no other site of this client has. Any thread. */
uint64_t http_client_number_site(struct http_client *client);
