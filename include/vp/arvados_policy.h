/* Arvados' links in the form that the policy rules judge. Both the mount and the client judge links, and both must read the same of
 * them. */
#pragma once

#include "vp/arvados.h"
#include "vp/policy.h"

/* Borrows from the link. `owner_prefix` is for the caller to set: it is the mount's config that has it. */
static inline struct policy_link arv_link_for_policy(const struct arv_link *link)
{
    const struct arv_properties properties = arv_properties_read(link->properties);
    return (struct policy_link){
        .uuid = link->uuid,
        .link_class = link->link_class,
        .owner_uuid = link->owner_uuid,
        .modified_by_user_uuid = link->modified_by_user_uuid,
        .tail_uuid = link->tail_uuid,
        .head_uuid = link->head_uuid,
        .name = link->name,
        .properties_good = properties.good,
        .not_before_s = properties.not_before_s,
        .expires_at_s = properties.expires_at_s,
        .container_image = properties.container_image,
    };
}
