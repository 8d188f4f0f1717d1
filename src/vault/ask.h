/* One request to the server, and what its answer means. */
#pragma once

#include "vp/vault.h"

enum {
    VAULT_PATH_MAX = 1024,
    VAULT_TARGET_MAX = 4 * VAULT_PATH_MAX,
    VAULT_BODY_MAX = 4 * 1024 * 1024,
    VAULT_MOUNTS_MAX = 16
};

/* A secrets mount that was asked about. */
struct vault_mount {
    char path[256]; /* with its '/' at the end */
    int kv_version; /* 0: not KV */
};

struct vault {
    struct http_site *site;
    struct vp_secret *token; /* NULL before the first */
    int64_t known_ms;        /* monotonic: from when on every node knows the token */
    char *name_space;
    int64_t deadline_ms;
    struct vp_cancel *cancel;
    struct vp_cancel *give_up;
    struct vault_mount mounts[VAULT_MOUNTS_MAX];
    size_t n_mounts;
};

extern const struct vp_json_source VAULT_ANSWER;

/* An answer that no such server gives: `what` is wrong with it. */
enum vp_code vault_bad_answer(struct vp_error *err, const char *path, const char *what);

/* What an answer says of a life, within 0 and ten years: with anything else one could not count. */
int64_t vault_duration_s(int64_t told_s);
