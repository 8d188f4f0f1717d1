#include "lifetime.h"

#include "vp/clock.h"

/* Nothing tells Vault that a container ended, and the server's own default is 32 days. */
enum { TTL_S = 15 * 60, EXPLICIT_MAX_TTL_S = 24 * 3600, LIFETIME_MIN_S = 30 };

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* 0 is no limit. */
static int64_t or_else(int64_t seconds, int64_t default_s)
{
    return seconds > 0 ? seconds : default_s;
}

enum vp_code auth_lifetime(const struct auth_role *role, int64_t token_expires_at_s, int64_t grants_expire_at_s,
                           int64_t now_s, struct auth_terms *ret_terms, struct vp_error *err)
{
    int64_t end_s = min(token_expires_at_s, grants_expire_at_s);
    bool endless = end_s == VP_TIME_NONE;
    int64_t left_s = endless ? INT64_MAX : end_s - now_s;
    if (left_s < LIFETIME_MIN_S)
        return vp_fail(err, VP_REASON_LIFETIME_TOO_SHORT,
                       "the Arvados token or a grant expires in %lld seconds, and a token needs at least %d",
                       (long long)left_s, LIFETIME_MIN_S);
    int64_t explicit_s = min(or_else(role->token_explicit_max_ttl_s, EXPLICIT_MAX_TTL_S), left_s);
    int64_t max_s = endless ? role->token_max_ttl_s : min(or_else(role->token_max_ttl_s, INT64_MAX), left_s);
    int64_t ttl_s = min(or_else(role->token_ttl_s, TTL_S), explicit_s);
    *ret_terms = (struct auth_terms){
        .ttl_s = min(ttl_s, or_else(max_s, INT64_MAX)),
        .max_ttl_s = max_s,
        .explicit_max_ttl_s = explicit_s,
        .period_s = role->token_period_s == 0 ? 0 : min(role->token_period_s, left_s),
    };
    return VP_OK;
}

enum vp_code auth_lifetime_renew(const struct auth_role *role, int64_t age_s, struct auth_terms *terms,
                                 struct vp_error *err)
{
    /* The server renews a periodic token by its period, as far as MaxTTL allows, and without end: token_max_ttl bounds the
     * period and not the token, as for all auth methods. token_explicit_max_ttl ends the token; the server keeps to it. */
    if (terms->period_s > 0) {
        terms->period_s = min(terms->period_s, or_else(role->token_max_ttl_s, INT64_MAX));
        terms->ttl_s = terms->period_s;
        terms->max_ttl_s = age_s + terms->period_s;
        return VP_OK;
    }
    /* The server lets a caller's "increment" go up to MaxTTL, counted from the issue: so that is where one TTL from now ends.
     * The role's maximum counts from the issue as well, while the bounds of grants count from now. */
    int64_t end_s = min(age_s + terms->ttl_s, or_else(role->token_max_ttl_s, INT64_MAX));
    if (end_s <= age_s)
        return vp_fail(err, VP_REASON_LIFETIME_TOO_SHORT,
                       "the token has reached its role's token_max_ttl; log in again");
    terms->ttl_s = end_s - age_s;
    terms->max_ttl_s = end_s;
    return VP_OK;
}

int64_t auth_lifetime_effective_ttl_s(const struct auth_terms *terms)
{
    if (terms->period_s == 0)
        return terms->ttl_s;
    return min(min(terms->period_s, or_else(terms->max_ttl_s, INT64_MAX)), terms->explicit_max_ttl_s);
}
