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

/* What was read so far. */
struct facts {
    struct arv_round round;
    struct arv_user user;
    struct arv_link_list links;
    struct arv_member_list members;
};

static void facts_clear(struct facts *facts)
{
    arv_round_clear(&facts->round);
    arv_user_clear(&facts->user);
    arv_links_clear(&facts->links.links);
    arv_member_list_clear(&facts->members);
}

enum vp_code arv_user_facts(struct arv_client *client, const struct arv_credentials *credentials, const char *user_uuid,
                            const struct vp_texts *group_uuids, const struct arv_link_query *query,
                            struct arv_user_facts *ret_facts, struct vp_error *err)
{
    char *tail = (char *)(uintptr_t)user_uuid; /* only read */
    const struct vp_texts tails = { &tail, 1 };
    struct arv_link_query own = *query;
    own.tail_uuids = &tails;
    own.proof_cluster_id = NULL; /* the user's record is the proof */
    VP_AUTO(facts_clear)
    struct facts facts = {
        .links = { .query = &own, .owners = "in" },
        .members = { .user_uuid = user_uuid, .group_uuids = group_uuids, .whole = group_uuids->n == 0 },
    };
    struct arv_request *requests = facts.round.requests;
    bool with_members = !facts.members.whole;
    /* If the links can't be read, again with fewer of them. */
    for (bool again = true; again;) {
        arv_round_clear(&facts.round);
        requests[USER] = arv_user_request(user_uuid);
        VP_TRY(arv_links_page_request(&facts.links, &requests[LINKS], err));
        if (with_members)
            VP_TRY(arv_members_page_request(&facts.members, &requests[MEMBERS], err));
        enum vp_code code = arv_send(client, credentials, requests, with_members ? N_PARTS : MEMBERS, err);
        again = code != VP_OK && requests[LINKS].unreadable && arv_links_shrink(&facts.links);
        if (!again)
            VP_TRY(code);
    }
    VP_TRY(arv_user_take(&requests[USER], user_uuid, &facts.user, err));
    VP_TRY(arv_links_take(&requests[LINKS], &facts.links, err));
    if (with_members)
        VP_TRY(arv_members_take(&requests[MEMBERS], &facts.members, err));
    VP_TRY(arv_links_rest(client, credentials, &facts.links, err));
    VP_TRY(arv_members_rest(client, credentials, &facts.members, err));
    *ret_facts = (struct arv_user_facts){
        .user = VP_MOVE(facts.user),
        .members = VP_MOVE(facts.members.members),
        .links = VP_MOVE(facts.links.links),
    };
    return VP_OK;
}
