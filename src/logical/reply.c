/* The values that travel between rooms: pairs, auth, reply. */
#include <stdlib.h>
#include <string.h>

#include "vp/logical.h"

enum vp_code logical_pairs_add(struct logical_pairs *pairs, const char *key, const char *value, struct vp_error *err)
{
    struct logical_pair pair = { strdup(key), strdup(value) };
    struct logical_pair *items = NULL;
    if (pair.key != NULL && pair.value != NULL)
        items = reallocarray(pairs->items, pairs->n + 1, sizeof *items);
    if (items == NULL) {
        free(pair.key);
        free(pair.value);
        return vp_fail_no_memory(err);
    }
    items[pairs->n++] = pair;
    pairs->items = items;
    return VP_OK;
}

const char *logical_pairs_get(const struct logical_pairs *pairs, const char *key)
{
    for (size_t i = 0; i < pairs->n; i++)
        if (strcmp(pairs->items[i].key, key) == 0)
            return pairs->items[i].value;
    return NULL;
}

void logical_pairs_clear(struct logical_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++) {
        free(pairs->items[i].key);
        free(pairs->items[i].value);
    }
    free(pairs->items);
    *pairs = (struct logical_pairs){ 0 };
}

void logical_auth_clear(struct logical_auth *auth)
{
    free(auth->display_name);
    vp_texts_clear(&auth->policies);
    logical_pairs_clear(&auth->metadata);
    free(auth->alias_name);
    logical_pairs_clear(&auth->alias_metadata);
    vp_texts_clear(&auth->group_aliases);
    vp_wipe_text(auth->internal_data);
    vp_texts_clear(&auth->bound_cidrs);
    vp_texts_clear(&auth->token_policies);
    *auth = (struct logical_auth){ 0 };
}

void logical_secret_clear(struct logical_secret *secret)
{
    vp_wipe_text(secret->internal_data);
    *secret = (struct logical_secret){ 0 };
}

void logical_entity_clear(struct logical_entity *entity)
{
    logical_pairs_clear(&entity->aliases);
    *entity = (struct logical_entity){ 0 };
}

void logical_reply_clear(struct logical_reply *reply)
{
    vp_buf_clear(&reply->data);
    logical_pairs_clear(&reply->log);
    if (reply->auth != NULL)
        logical_auth_clear(reply->auth);
    free(reply->auth);
    if (reply->secret != NULL)
        logical_secret_clear(reply->secret);
    free(reply->secret);
    free(reply->unsettled);
    vp_texts_clear(&reply->group_aliases);
    vp_texts_clear(&reply->warnings);
    *reply = (struct logical_reply){ .data = VP_BUF_INIT(LOGICAL_REPLY_MAX) };
}
