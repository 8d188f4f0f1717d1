/* Which grants count at a mount: its config, and the plugin's own judgement of a link. */
#pragma once

#include "vp/arvados.h"
#include "vp/policy.h"

#include "session.h"

struct cli_grant_rules {
    char link_class[256];
    char cluster_id[ARV_CLUSTER_LEN + 1];
    struct vp_texts owners;
    struct vp_texts modifiers;
    struct vp_texts prefixes; /* empty: not known */
    struct vp_texts policies;
    struct vp_texts roles;   /* of the links that are judged: groups that are roles and not in the trash */
    struct vp_texts trashed; /* the other groups of this cluster */
    struct vp_json *config;  /* the whole of it; NULL: not known */
};

/* Reads auth/<mount>/config with the given Vault token. */
VP_MUST_USE enum vp_code cli_grant_rules_read(struct cli_session *session, struct cli_grant_rules *rules,
                                              struct vp_error *err);

/* The defaults of every mount, for the cluster that `client` asks. */
VP_MUST_USE enum vp_code cli_grant_rules_assume(struct arv_client *client, const struct arv_credentials *credentials,
                                                struct cli_grant_rules *rules, struct vp_error *err);

/* Looks up what became of the groups that the links are for. */
VP_MUST_USE enum vp_code cli_grant_rules_add_groups(struct arv_client *client,
                                                    const struct arv_credentials *credentials,
                                                    const struct arv_links *links, struct cli_grant_rules *rules,
                                                    struct vp_error *err);
void cli_grant_rules_clear(struct cli_grant_rules *rules);

/* For whomever the link is for, in whatever image. `modified`: false for a link that is not made yet. */
enum policy_drop cli_grant_rules_judge(const struct cli_grant_rules *rules, const struct arv_link *link, bool modified);
