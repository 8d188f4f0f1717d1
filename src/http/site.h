/* A server as the transfer thread sees it. */
#pragma once

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include "vp/http.h"

struct http_site {
    /* constant after http_site_new() */
    struct http_client *client;
    char *base_url;                /* "https://<name to verify>:<port>", or http */
    char *host_header;             /* "Host: <real host>[:port]" */
    char *host_and_port;           /* for details of errors */
    struct curl_slist *connect_to; /* NULL unless the name to verify isn't the host */
    X509_STORE *trust;             /* shared by all connections of the site; NULL for http */
    char *mark;                    /* no other site has it, see site.c */
    unsigned max_concurrent;
    unsigned max_queued;
    unsigned max_retries;
    bool has_standbys;
    const char *protocol; /* "https", or "http" for a near server */
    const char *user_agent;
    struct http_stats *stats;

    /* of the transfer thread alone */
    unsigned n_running;
    unsigned n_waiting; /* queued, or pausing before another try */
    unsigned n_busy;    /* answers in a row that said "overloaded" */
    int64_t resume_ms; /* monotonic: till then nothing is sent, since an overloaded server asks all of us for a pause */
    struct http_try *idle; /* handles with all that stays the same set, see easy.h */
};
