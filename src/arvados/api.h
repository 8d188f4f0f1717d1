/* Private to the room: one request and what its status means. */
#pragma once

#include "vp/arvados.h"

struct arv_client {
    struct http_site *site;
};

enum {
    ARV_BODY_MAX = 1024 * 1024, /* bytes of an answer with a select list, unless its source says otherwise */
    ARV_TARGET_MAX = 48 * 1024, /* bytes of a path with its query; the API takes some 60 kB */
    ARV_ROUND_MAX = 4,          /* requests of one round */
};

/* One request of a round. */
struct arv_request {
    const char *name;     /* for messages: "users/current" */
    struct vp_buf target; /* path and query */
    enum http_method method;
    const struct vp_buf *body; /* JSON; NULL for a GET. With one, refusals are told in Arvados' own words */
    enum vp_reason not_found;  /* what a 404 means; VP_REASON_NONE: an answer that can't be right */
    bool may_be_missing;       /* a 404 is as good as an answer */
    const char *missing_word;  /* if Arvados' own message contains this; NULL: any 404 */
    const struct vp_json_source *source;
    const struct vp_json_sparse *sparse; /* NULL: all of the answer is built */
    const struct arv_credentials *credentials; /* NULL: the round's. Only the token is used */
    bool repeatable; /* sending it twice does no harm: a change that may be tried again after a failure */
    bool once;       /* never sent twice, not even after a 503: the server may have done it all the same */
    bool unique;     /* Arvados refuses a second one; see struct http_exchange */
    /* A status below 500 but 429 is the caller's to judge, a redirect too: see `status`. Nothing of the answer's text goes into an
     * error: it may hold a secret. */
    bool any_status;
    int status;      /* out, with any_status */
    bool missing;    /* out: it was a 404 that may be */
    bool unreadable; /* out: there is an answer, but it is too large, or no JSON within the limits */
    struct vp_json
        *document; /* out: the decoded answer of a 200; NULL for the text "null" too, so decode it. With any_status
                               * also of another one, NULL if that is no JSON */
};

/* Path of the API with an optional select list and further parameters, as name and value in
 * turn, NULL-terminated. */
void arv_target_build(struct vp_buf *target, const char *path, const char *const *parameters);

/* One filter of a query: the attribute compares so with the operand, or with the operands ("in",
 * "not in"). */
void arv_put_filter(struct vp_json_writer *writer, const char *attribute, const char *comparison, const char *operand);
void arv_put_list_filter(struct vp_json_writer *writer, const char *attribute, const char *comparison,
                         const struct vp_texts *operands);

/* Asks all at once. On success every document is set. When several fail, the one that says least
 * about the token wins: our own end (cancelled, internal), then no answer, then a wrong answer,
 * then 401, 403, 404. So an outage is never told as a denial, and nothing that can't be right is
 * hidden behind one. */
VP_MUST_USE enum vp_code arv_send(struct arv_client *client, const struct arv_credentials *credentials,
                                  struct arv_request *requests, size_t n, struct vp_error *err);
void arv_request_clear(struct arv_request *request);

/* The requests of one round; unused ones stay zeroed. */
struct arv_round {
    struct arv_request requests[ARV_ROUND_MAX];
};
void arv_round_clear(struct arv_round *round);

/* The record of one user, in a form that only an administrator may ask for. */
struct arv_request arv_user_request(const char *uuid);

/* A request that only an administrator's token may make, and the check of its answer: whichever users it lists, Arvados
 * took the token for an administrator's. */
struct arv_request arv_proof_request(const char *cluster_id);
VP_MUST_USE enum vp_code arv_proof_check(const struct arv_request *proof, struct vp_error *err);

/* A 401 or 403 to these credentials. */
enum vp_code arv_refusal(const struct arv_credentials *credentials, const struct arv_request *request, int status,
                         struct vp_error *err);

/* A well-formed answer whose content can't be right. */
enum vp_code arv_bad_answer(struct vp_error *err, const char *call, const char *what);

/* Decodes by table; a fault is told like arv_bad_answer(). */
VP_MUST_USE enum vp_code arv_decode(const struct vp_json *object, const struct vp_json_field *fields, const char *call,
                                    void *target, struct vp_error *err);

/* ---- parts of rounds, for user_facts.c ---- */

VP_MUST_USE enum vp_code arv_user_take(struct arv_request *request, const char *uuid, struct arv_user *user,
                                       struct vp_error *err);

/* A list of links, page by page; further pages by arv_links_rest(). `links` belongs to the caller. */
struct arv_link_list {
    const struct arv_link_query *query;
    const char *owners; /* operator: among those of the query ("in"), or not ("not in") */
    bool plain;         /* without properties */
    unsigned limit;     /* links of the next page; 0: the most */
    bool bare;          /* the next page has uuids only: its link can't be read otherwise */
    struct arv_links links;
    bool whole;
};
VP_MUST_USE enum vp_code arv_links_page_request(const struct arv_link_list *list, struct arv_request *ret_request,
                                                struct vp_error *err);
/* After an answer that could not be read: asks for less. False: there is no less. */
bool arv_links_shrink(struct arv_link_list *list);
VP_MUST_USE enum vp_code arv_links_take(struct arv_request *request, struct arv_link_list *list, struct vp_error *err);
VP_MUST_USE enum vp_code arv_links_rest(struct arv_client *client, const struct arv_credentials *credentials,
                                        struct arv_link_list *list, struct vp_error *err);

/* Memberships of one user, page by page, a slice of the groups at a time. */
struct arv_member_list {
    const char *user_uuid;
    const struct vp_texts *group_uuids; /* all that are asked for */
    size_t first;                       /* of the slice that is asked for now */
    struct vp_texts found;              /* in that slice so far */
    struct arv_members members;         /* of the slices before */
    bool whole;
};
void arv_member_list_clear(struct arv_member_list *list);
VP_MUST_USE enum vp_code arv_members_page_request(const struct arv_member_list *list, struct arv_request *ret_request,
                                                  struct vp_error *err);
VP_MUST_USE enum vp_code arv_members_take(struct arv_request *request, struct arv_member_list *list,
                                          struct vp_error *err);
VP_MUST_USE enum vp_code arv_members_rest(struct arv_client *client, const struct arv_credentials *credentials,
                                          struct arv_member_list *list, struct vp_error *err);

/* The keys of a link's properties that mean something; ends with NULL. */
extern const char *const ARV_PROPERTIES[];
