/* What a login needs to know of its user: record, memberships and own grants, in one round.
 *
 * The round includes the user's record, which Arvados gives only to an administrator's token in this way
 * (bypass_federation). Without it an empty list would prove nothing: a token of an ordinary user gets empty lists of links,
 * not refusals (seen on Arvados 3.2.1). */
#include <string.h>

#include "api.h"

enum { USER, LINKS, MEMBERS, N_PARTS };

void arv_user_facts_clear(struct arv_user_facts *facts)
{
    vp_json_free(facts->user.document);
    arv_members_clear(&facts->members);
    arv_links_clear(&facts->links);
    *facts = (struct arv_user_facts){ 0 };
}

/* One round; if the links can't be read, again with fewer of them. */
static enum vp_code send_round(struct arv_client *client, const struct arv_credentials *credentials,
                               const char *user_uuid, struct arv_request *requests, struct arv_link_list *links,
                               const struct arv_member_list *members, struct vp_error *err)
{
    for (;;) {
        for (size_t i = 0; i < N_PARTS; i++)
            arv_request_clear(&requests[i]);
        requests[USER] = arv_user_request(user_uuid);
        VP_TRY(arv_links_page_request(links, &requests[LINKS], err));
        if (!members->whole)
            VP_TRY(arv_members_page_request(members, &requests[MEMBERS], err));
        enum vp_code code = arv_send(client, credentials, requests, members->whole ? MEMBERS : N_PARTS, err);
        if (code == VP_OK || !requests[LINKS].unreadable || !arv_links_shrink(links))
            return code;
    }
}

static enum vp_code ask(struct arv_client *client, const struct arv_credentials *credentials, const char *user_uuid,
                        struct arv_request *requests, struct arv_link_list *links, struct arv_member_list *members,
                        struct arv_user *user, struct vp_error *err)
{
    bool with_members = !members->whole;
    VP_TRY(send_round(client, credentials, user_uuid, requests, links, members, err));
    VP_TRY(arv_user_take(&requests[USER], user_uuid, user, err));
    VP_TRY(arv_links_take(&requests[LINKS], links, err));
    if (with_members)
        VP_TRY(arv_members_take(&requests[MEMBERS], members, err));
    VP_TRY(arv_links_rest(client, credentials, links, err));
    return arv_members_rest(client, credentials, members, err);
}

enum vp_code arv_user_facts(struct arv_client *client, const struct arv_credentials *credentials, const char *user_uuid,
                            const struct vp_texts *group_uuids, const struct arv_link_query *query,
                            struct arv_user_facts *ret_facts, struct vp_error *err)
{
    struct arv_link_query own = *query;
    char *tail = (char *)(uintptr_t)user_uuid; /* only read */
    const struct vp_texts tails = { &tail, 1 };
    struct arv_link_list links = { .query = &own, .owners = "in" };
    struct arv_member_list members = { .user_uuid = user_uuid,
                                       .group_uuids = group_uuids,
                                       .whole = group_uuids->n == 0 };
    struct arv_request requests[N_PARTS] = { 0 };
    struct arv_user_facts facts = { 0 };
    own.tail_uuids = &tails;
    own.proof_user_uuid[0] = '\0'; /* the record is the proof */
    enum vp_code code = ask(client, credentials, user_uuid, requests, &links, &members, &facts.user, err);
    for (size_t i = 0; i < N_PARTS; i++)
        arv_request_clear(&requests[i]);
    facts.links = links.links;
    facts.members = members.members;
    members.members = (struct arv_members){ 0 };
    arv_member_list_clear(&members);
    if (code != VP_OK) {
        arv_user_facts_clear(&facts);
        return code;
    }
    *ret_facts = facts;
    return VP_OK;
}
