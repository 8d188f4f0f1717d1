/* Links in, policies and reasons out. Pure: no I/O, no clock, no allocation but the result. This room decides what is
 * granted; it trusts nothing of its input but that texts are NUL-terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vp/error.h"
#include "vp/texts.h"

/* ---- names ---- */

/* Why a name is no policy to grant. The host trims, folds case and reads more into a name than we do, so the grammar is
 * a closed one, looked at before anything else: [a-z0-9][a-z0-9_-]{0,62}, ASCII. What does not match is dropped, never
 * mended. Reserved: root, default, response-wrapping, control-group. */
enum policy_name_verdict { POLICY_NAME_GOOD, POLICY_NAME_BAD, POLICY_NAME_RESERVED };
enum { POLICY_NAME_MAX = 63 };
enum policy_name_verdict policy_name_check(const char *name);

/* An allowlist entry: [a-z0-9][a-z0-9_-]*[-_], at most POLICY_NAME_MAX - 1 long. */
bool policy_is_prefix(const char *text);

/* Starts with the prefix, or one of the prefixes, and goes on. */
bool policy_name_starts(const char *name, const char *prefix);
bool policy_name_has_prefix(const char *name, const struct vp_texts *prefixes);

/* ---- links ---- */

#define POLICY_DROP_REASONS(X)                            \
    X(KEPT, "")                                           \
    X(WRONG_CLASS, "wrong_class")                         \
    X(UNTRUSTED_OWNER, "untrusted_owner")                 \
    X(UNTRUSTED_MODIFIER, "untrusted_modifier")           \
    X(WRONG_TAIL, "wrong_tail")                           \
    X(ROLE_TRASHED, "role_trashed")                       \
    X(ANONYMOUS_ROLE, "anonymous_role")                   \
    X(BAD_NAME, "bad_name")                               \
    X(RESERVED_NAME, "reserved_name")                     \
    X(OUTSIDE_PREFIX, "outside_prefix")                   \
    X(NOT_IN_ALLOWED_POLICIES, "not_in_allowed_policies") \
    X(BAD_PROPERTIES, "bad_properties")                   \
    X(EXPIRED, "expired")                                 \
    X(NOT_YET, "not_yet")                                 \
    X(WRONG_IMAGE, "wrong_image")

enum policy_drop {
#define X(name, word) POLICY_##name,
    POLICY_DROP_REASONS(X)
#undef X
        POLICY_N_DROPS
};
const char *policy_drop_word(enum policy_drop drop); /* "" for POLICY_KEPT */

/* A link as this room sees it; texts borrowed, NULL where Arvados has nothing. */
struct policy_link {
    const char *uuid;
    const char *link_class;
    const char *owner_uuid;
    const char *modified_by_user_uuid;
    const char *tail_uuid;
    const char *head_uuid;
    const char *name;
    bool properties_good;        /* false: a known key had a wrong form */
    int64_t not_before_s;        /* 0: none */
    int64_t expires_at_s;        /* VP_TIME_NONE: never */
    const char *container_image; /* NULL: any */
    const char *owner_prefix;    /* what the mount demands of names that this owner grants; NULL: nothing more */
};

/* What counts. Lists borrowed. */
struct policy_rules {
    const char *link_class;
    const struct vp_texts *trusted_owners;
    const struct vp_texts *trusted_modifiers; /* empty: any */
    const struct vp_texts *allowed_prefixes;  /* the mount's; empty: nothing is allowed */
    const struct vp_texts *narrower_prefixes; /* the role's; a name must be under these as well. Empty: no narrower */
    const struct vp_texts *allowed_policies;  /* empty: all under the prefixes */
    const char *user_uuid;
    const struct vp_texts *roles;         /* Arvados roles that the user is a member of */
    const struct vp_texts *trashed_roles; /* those that were his and are in the trash, or are no roles */
    const char *anonymous_role;           /* everybody is in it, so it grants nothing */
    const char *container_image;          /* NULL: unknown, matches no bound link */
    bool any_image;                       /* for looking at grants without a container: bound links count */
    int64_t now_s;
};

/* The first reason, in the order of the list above, against this link; POLICY_KEPT for none. */
enum policy_drop policy_judge(const struct policy_link *link, const struct policy_rules *rules);

struct policy_result {
    struct vp_texts policies;   /* distinct, sorted */
    enum policy_drop *verdicts; /* one per link, in order */
    size_t n_verdicts;
    int64_t expires_at_s; /* the earliest among the links kept; VP_TIME_NONE */
};

/* VP_REASON_INTERNAL without memory, nothing else. */
VP_MUST_USE enum vp_code policy_resolve(const struct policy_link *links, size_t n, const struct policy_rules *rules,
                                        struct policy_result *ret_result, struct vp_error *err);
void policy_result_clear(struct policy_result *result);
