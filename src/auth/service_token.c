/* The trial of the service token, for config writes and config/check. */
#include "service_token.h"

/* A refusal because the record does not exist proves that the request was allowed. The token of an ordinary user fails:
 * looking users up, as renewals do, is for administrators. */
static enum vp_code try_look_up(struct arv_client *client, const struct arv_credentials *credentials,
                                const struct auth_config *config, const struct arv_token *token, struct vp_error *err)
{
    char no_container[ARV_UUID_LEN + 1];
    struct arv_identity identity = { 0 };
    arv_uuid_of(config->site.cluster_id, "dz642-000000000000000", no_container);
    enum vp_code code = arv_look_up(client, credentials, no_container, token->owner_uuid, &identity, err);
    arv_identity_clear(&identity);
    return code == VP_ERR_DENIED ? VP_OK : code;
}

static enum vp_code try_links(struct arv_client *client, const struct arv_credentials *credentials,
                              const struct auth_config *config, const struct arv_token *token, struct vp_error *err)
{
    struct arv_links links = { 0 };
    struct vp_texts uuids = { 0 };
    VP_TRY(vp_texts_add(&uuids, token->owner_uuid, err));
    const struct arv_link_query query = { .link_class = config->link_class,
                                          .owner_uuids = &uuids,
                                          .tail_uuids = &uuids };
    enum vp_code code = arv_links_list(client, credentials, &query, &links, err);
    arv_links_clear(&links);
    vp_texts_clear(&uuids);
    return code;
}

enum vp_code auth_service_token_try(struct arv_client *client, const struct arv_credentials *credentials,
                                    const struct auth_config *config, const struct arv_token *token,
                                    struct vp_error *err)
{
    VP_TRY(try_look_up(client, credentials, config, token, err));
    return try_links(client, credentials, config, token, err);
}

enum vp_code auth_service_token_try_groups(struct arv_client *client, const struct arv_credentials *credentials,
                                           const struct auth_config *config, const struct arv_token *token,
                                           struct vp_error *err)
{
    char all_users[ARV_UUID_LEN + 1];
    VP_AUTO(vp_texts_clear) struct vp_texts groups = { 0 };
    VP_AUTO(vp_texts_clear) struct vp_texts roles = { 0 };
    VP_AUTO(arv_members_clear) struct arv_members members = { 0 };
    arv_uuid_of(config->site.cluster_id, ARV_ALL_USERS_ROLE, all_users);
    VP_TRY(vp_texts_add(&groups, all_users, err));
    VP_TRY(arv_members_among(client, credentials, token->owner_uuid, &groups, &members, err));
    return arv_groups_among(client, credentials, &groups, "role", &roles, err);
}
