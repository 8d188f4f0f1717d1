/* grant add, list, remove, check: for Arvados admins. A grant is a link in Arvados; what counts is what the mount says. */
#include <string.h>

#include "vp/clock.h"
#include "vp/json.h"

#include "commands.h"
#include "exit.h"
#include "grant_rules.h"
#include "output.h"

enum { PATH_LIMIT = 512, JSON_LIMIT = 8 * 1024 * 1024, SHOWN_MAX = 5 };

struct grant {
    const struct cli_args *args;
    struct cli_session *session;
    struct arv_client *arvados;
    struct arv_credentials credentials;
    struct vp_secret *token;
    struct cli_grant_rules rules;
    struct arv_directory names;
    enum cli_output_format format;
    int status; /* of the program, where all went well and the answer is no */
};

/* ---- the mount ---- */

static enum vp_code ask_mount(struct grant *job, const char *rest, const struct vp_buf *body,
                              struct vp_json **ret_document, struct vp_error *err)
{
    struct vp_buf path = VP_BUF_INIT(PATH_LIMIT);
    vp_buf_add_format(&path, "auth/%s/%s", job->session->settings->mount, rest);
    struct vault_request request = {
        .method = body == NULL ? HTTP_GET : HTTP_POST, .path = vp_buf_text(&path), .body = body, .repeatable = true
    };
    enum vp_code code = vp_buf_check(&path, "the mount's name", err);
    if (code == VP_OK)
        code = vault_ask(job->session->vault, &request, ret_document, err);
    vp_buf_clear(&path);
    return code;
}

static enum vp_code learn_rules(struct grant *job, struct vp_error *err)
{
    if (job->args->unchecked)
        return cli_grant_rules_assume(job->arvados, &job->credentials, &job->rules, err);
    if (job->session->settings->vault_token == NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "which grants count is in the mount's config, and there is no Vault token to read it with: set "
                       "BAO_TOKEN. --unchecked goes by the defaults");
    return cli_grant_rules_read(job->session, &job->rules, err);
}

/* Only where the token may see that: most may not, and then nothing is said. */
static void warn_of_missing_policy(struct grant *job, const char *policy)
{
    if (job->session->settings->vault_token != NULL && vault_lacks_policy(job->session->vault, policy))
        cli_exit_warn(job->args->quiet,
                      "the policy %.80s does not exist: the grant gives nothing until a vault admin writes it", policy);
}

/* ---- names ---- */

static bool is_grantee_uuid(const char *text)
{
    return arv_is_user_uuid(text) || arv_is_uuid(text, "j7d0g");
}

static enum vp_code look_up_name(struct grant *job, const char *name, struct arv_directory *found, struct vp_error *err)
{
    char *item = (char *)(uintptr_t)name; /* only read */
    const struct vp_texts names = { &item, 1 };
    const char *attribute = strchr(name, '@') != NULL ? "email" : "username";
    VP_TRY(arv_directory_add_users(job->arvados, &job->credentials, attribute, &names, found, err));
    return arv_directory_add_groups(job->arvados, &job->credentials, "name", &names, found, err);
}

static enum vp_code choose(const char *name, const struct arv_directory *found, char uuid[ARV_UUID_LEN + 1],
                           struct vp_error *err)
{
    struct vp_buf uuids = VP_BUF_INIT(PATH_LIMIT);
    const struct arv_entry *other = NULL;
    size_t n = 0;
    for (size_t i = 0; i < found->n; i++) {
        const struct arv_entry *entry = &found->items[i];
        if (entry->group_class != NULL && strcmp(entry->group_class, "role") != 0) {
            other = entry;
            continue;
        }
        memcpy(uuid, entry->uuid, ARV_UUID_LEN + 1);
        if (n++ < SHOWN_MAX)
            vp_buf_add_format(&uuids, "%s%s", n == 1 ? "" : ", ", entry->uuid);
    }
    enum vp_code code = VP_OK;
    if (n == 0 && other != NULL)
        code = vp_fail(err, VP_REASON_BAD_REQUEST, "\"%.80s\" is a %.20s: grants are for users and roles", name,
                       other->group_class);
    else if (n == 0)
        code = vp_fail(err, VP_REASON_NOT_FOUND, "no user or role in Arvados is called \"%.80s\"", name);
    else if (n > 1)
        code = vp_fail(err, VP_REASON_BAD_REQUEST, "\"%.80s\" is the name of %zu: %.200s; give the uuid", name, n,
                       vp_buf_text(&uuids));
    vp_buf_clear(&uuids);
    return code;
}

/* A uuid, a username, an e-mail address, or a role's name. */
static enum vp_code find_grantee(struct grant *job, const char *text, char uuid[ARV_UUID_LEN + 1], struct vp_error *err)
{
    VP_AUTO(arv_directory_clear) struct arv_directory found = { 0 };
    if (is_grantee_uuid(text)) {
        memcpy(uuid, text, ARV_UUID_LEN + 1);
        return VP_OK;
    }
    if (*text == '\0' || arv_is_uuid(text, "dz642"))
        return vp_fail(err, VP_REASON_USAGE,
                       "\"%.60s\": must be a user's name, e-mail address or uuid, or a role's name or uuid", text);
    VP_TRY(look_up_name(job, text, &found, err));
    return choose(text, &found, uuid, err);
}

static enum vp_code add_uuid(struct vp_texts *users, struct vp_texts *groups, const char *uuid, struct vp_error *err)
{
    struct vp_texts *texts = uuid == NULL                 ? NULL
                             : arv_is_user_uuid(uuid)     ? users
                             : arv_is_uuid(uuid, "j7d0g") ? groups
                                                          : NULL;
    return texts == NULL || vp_texts_has(texts, uuid) ? VP_OK : vp_texts_add(texts, uuid, err);
}

/* Of all users and groups that the links name. */
static enum vp_code read_names(struct grant *job, const struct arv_links *links, struct vp_error *err)
{
    VP_AUTO(vp_texts_clear) struct vp_texts users = { 0 };
    VP_AUTO(vp_texts_clear) struct vp_texts groups = { 0 };
    for (size_t i = 0; i < links->n; i++) {
        VP_TRY(add_uuid(&users, &groups, links->items[i].tail_uuid, err));
        VP_TRY(add_uuid(&users, &groups, links->items[i].modified_by_user_uuid, err));
    }
    VP_TRY(arv_directory_add_users(job->arvados, &job->credentials, "uuid", &users, &job->names, err));
    return arv_directory_add_groups(job->arvados, &job->credentials, "uuid", &groups, &job->names, err);
}

static const char *name_of(const struct grant *job, const char *uuid)
{
    const struct arv_entry *entry = arv_directory_find(&job->names, uuid);
    return entry == NULL ? NULL : entry->name != NULL ? entry->name : entry->email;
}

/* ---- links ---- */

static const char *property(const struct arv_link *link, const char *key)
{
    const struct vp_json *value = vp_json_get(link->properties, key);
    return vp_json_type(value) == VP_JSON_TEXT ? vp_json_text(value) : NULL;
}

static void put_link(struct vp_json_writer *writer, const struct grant *job, const struct arv_link *link)
{
    const char *author = name_of(job, link->modified_by_user_uuid);
    vp_json_open_object(writer);
    vp_json_add_text(writer, "name", name_of(job, link->tail_uuid));
    vp_json_add_text(writer, "policy", link->name);
    if (!job->args->unchecked) {
        enum policy_drop drop = cli_grant_rules_judge(&job->rules, link, true);
        vp_json_add_text(writer, "counts", drop == POLICY_KEPT ? "yes" : policy_drop_word(drop));
    }
    vp_json_add_text(writer, "expires_at", property(link, "expires_at"));
    vp_json_add_text(writer, "reason", property(link, "reason"));
    vp_json_add_text(writer, "author", author == NULL ? link->modified_by_user_uuid : author);
    vp_json_add_text(writer, "modified_at", link->modified_at);
    vp_json_add_text(writer, "link_uuid", link->uuid);
    vp_json_add_text(writer, "tail_uuid", link->tail_uuid);
    vp_json_add_text(writer, "owner_uuid", link->owner_uuid);
    vp_json_close_object(writer);
}

/* A token that is no admin's gets an empty list, and no refusal: so a call that only an admin may make is made with it. */
static enum vp_code read_links(struct grant *job, const char *tail_uuid, struct arv_links *ret_links,
                               struct vp_error *err)
{
    char *item = (char *)(uintptr_t)tail_uuid; /* only read */
    const struct vp_texts tails = { &item, 1 };
    struct arv_link_query query = { .link_class = job->rules.link_class,
                                    .tail_uuids = tail_uuid == NULL ? NULL : &tails,
                                    .with_dates = true,
                                    .whole_properties = true,
                                    .proof_cluster_id = job->rules.cluster_id };
    enum vp_code code = arv_links_list(job->arvados, &job->credentials, &query, ret_links, err);
    if (code == VP_ERR_DENIED && err->reason == VP_REASON_TOKEN_SCOPE)
        return vp_fail(err, VP_REASON_FORBIDDEN, "Arvados lists grants to an admin's token only, and this is none");
    VP_TRY(code);
    code = cli_grant_rules_add_groups(job->arvados, &job->credentials, ret_links, &job->rules, err);
    if (code == VP_OK)
        code = read_names(job, ret_links, err);
    if (code != VP_OK)
        arv_links_clear(ret_links);
    return code;
}

/* ---- explaining ---- */

static enum vp_code ask_explain(struct grant *job, const char *uuid, struct vp_json **ret_document,
                                struct vp_error *err)
{
    struct vp_buf body = VP_BUF_INIT(PATH_LIMIT);
    struct vp_json_writer writer;
    if (arv_is_uuid(uuid, "j7d0g")) {
        vp_buf_add_format(&body, "grants/%s", uuid);
        enum vp_code code = ask_mount(job, vp_buf_text(&body), NULL, ret_document, err);
        vp_buf_clear(&body);
        return code;
    }
    vp_json_begin(&writer, &body);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, arv_is_user_uuid(uuid) ? "user_uuid" : "container_uuid", uuid);
    if (job->session->settings->role != NULL)
        vp_json_add_text(&writer, "role", job->session->settings->role);
    vp_json_close_object(&writer);
    enum vp_code code = vp_buf_check(&body, "the question", err);
    if (code == VP_OK)
        code = ask_mount(job, "explain", &body, ret_document, err);
    vp_buf_clear(&body);
    return code;
}

/* Of the login that would be refused. */
static int refusal_status(const struct vp_json *http_status)
{
    int64_t status = vp_json_type(http_status) == VP_JSON_INT ? vp_json_int(http_status) : 0;
    return status == 503 ? CLI_EXIT_AGAIN : status == 403 ? CLI_EXIT_FORBIDDEN : CLI_EXIT_REFUSES;
}

/* In a table the grants, since that is what was asked for; in JSON all of it. */
static enum vp_code show_explained(struct grant *job, const char *uuid, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    struct vp_buf json = VP_BUF_INIT(JSON_LIMIT);
    struct vp_json_writer writer;
    VP_TRY(ask_explain(job, uuid, &document, err));
    const struct vp_json *data = vp_json_get(document, "data");
    const struct vp_json *grants = vp_json_get(data, "grants");
    const struct vp_json *reason = vp_json_get(data, "reason");
    vp_json_begin(&writer, &json);
    vp_json_put_value(&writer, job->format == CLI_OUTPUT_JSON || grants == NULL ? data : grants);
    enum vp_code code = cli_output_show(&json, job->format, err);
    vp_buf_clear(&json);
    if (code == VP_OK && vp_json_type(reason) == VP_JSON_TEXT) {
        cli_exit_warn(job->args->quiet, "a login would be refused: %s", vp_json_text(reason));
        job->status = refusal_status(vp_json_get(data, "status"));
    }
    return code;
}

static enum vp_code connect(struct grant *job, struct vp_error *err)
{
    const struct cli_settings *settings = job->session->settings;
    struct arv_token_text unread;
    if (settings->arvados_token == NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "there is no Arvados token: set ARVADOS_API_HOST and ARVADOS_API_TOKEN to an admin's");
    VP_TRY(arv_token_parse(settings->arvados_token, &job->token, &unread, err));
    job->credentials = (struct arv_credentials){ .token = job->token, .deadline_ms = settings->deadline_ms };
    return cli_session_arvados(job->session, &job->arvados, err);
}

/* Of a uuid the mount is asked alone, with no Arvados token here. */
static enum vp_code check(struct grant *job, struct vp_error *err)
{
    char uuid[ARV_UUID_LEN + 1];
    const char *text = job->args->rest[1];
    if (job->session->settings->vault_token == NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the mount is asked, and there is no Vault token: set BAO_TOKEN");
    VP_TRY(vault_set_token(job->session->vault, job->session->settings->vault_token, err));
    if (is_grantee_uuid(text) || arv_is_uuid(text, "dz642"))
        return show_explained(job, text, err);
    VP_TRY(connect(job, err));
    VP_TRY(find_grantee(job, text, uuid, err));
    return show_explained(job, uuid, err);
}

/* ---- adding ---- */

static enum vp_code check_policy(const struct grant *job, const char *policy, struct vp_error *err)
{
    switch (policy_name_check(policy)) {
    case POLICY_NAME_BAD:
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "\"%.80s\" can't be granted: a policy's name has lower-case letters, digits, - and _, at most "
                       "%d",
                       policy, POLICY_NAME_MAX);
    case POLICY_NAME_RESERVED:
        return vp_fail(err, VP_REASON_BAD_REQUEST, "%s is never granted", policy);
    case POLICY_NAME_GOOD:
        break;
    }
    if (!job->args->unchecked && !policy_name_has_prefix(policy, &job->rules.prefixes))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "%s would not count: the mount takes names that start with %s%s only", policy,
                       job->rules.prefixes.n == 0 ? "nothing" : job->rules.prefixes.items[0],
                       job->rules.prefixes.n > 1 ? ", or its other prefixes," : "");
    if (job->rules.policies.n > 0 && !vp_texts_has(&job->rules.policies, policy))
        return vp_fail(err, VP_REASON_BAD_REQUEST, "%s would not count: it is not among the mount's allowed_policies",
                       policy);
    return VP_OK;
}

static enum vp_code choose_owner(const struct grant *job, const char **ret_owner, struct vp_error *err)
{
    const char *owner = job->args->owner;
    if (owner == NULL && job->rules.owners.n > 0)
        owner = job->rules.owners.items[0];
    if (owner == NULL || (!job->args->unchecked && !vp_texts_has(&job->rules.owners, owner)))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "a link of that owner would not count: it is not among the mount's trusted_link_owners");
    *ret_owner = owner;
    return VP_OK;
}

static enum vp_code make_properties(const struct cli_args *args, struct vp_json **ret_properties, struct vp_error *err)
{
    static const struct vp_json_source OWN = {
        .what = "the properties", .reason = VP_REASON_INTERNAL, .max_bytes = 65536, .max_depth = 4, .max_tokens = 100
    };
    struct vp_buf text = VP_BUF_INIT(16384);
    struct vp_json_writer writer;
    int64_t expires_at_s;
    *ret_properties = NULL;
    if (args->expires_at != NULL && !vp_time_parse(args->expires_at, &expires_at_s))
        return vp_fail(err, VP_REASON_USAGE, "--expires-at must be like 2026-12-31T00:00:00Z");
    vp_json_begin(&writer, &text);
    vp_json_open_object(&writer);
    if (args->expires_at != NULL)
        vp_json_add_text(&writer, "expires_at", args->expires_at);
    if (args->reason != NULL)
        vp_json_add_text(&writer, "reason", args->reason);
    vp_json_close_object(&writer);
    enum vp_code code = vp_buf_check(&text, "the properties", err);
    if (code == VP_OK)
        code = vp_json_parse(vp_buf_text(&text), text.len, &OWN, ret_properties, err);
    vp_buf_clear(&text);
    return code;
}

/* What the checks before have no words of their own for. Who will have modified it is only known when it is there. */
static enum vp_code check_new(struct grant *job, const struct arv_new_link *link, struct vp_error *err)
{
    struct arv_link made = {
        .uuid = "",
        .link_class = link->link_class,
        .owner_uuid = link->owner_uuid,
        .tail_uuid = link->tail_uuid,
        .name = link->name,
        .properties = link->properties,
    };
    const struct arv_links links = { .items = &made, .n = 1 };
    if (job->args->unchecked)
        return VP_OK;
    VP_TRY(cli_grant_rules_add_groups(job->arvados, &job->credentials, &links, &job->rules, err));
    enum policy_drop drop = cli_grant_rules_judge(&job->rules, &made, false);
    vp_texts_clear(&job->rules.roles);
    vp_texts_clear(&job->rules.trashed);
    if (drop != POLICY_KEPT)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the grant would not count: %s", policy_drop_word(drop));
    return VP_OK;
}

static enum vp_code check_grantee(struct grant *job, const char *uuid, struct vp_error *err)
{
    VP_AUTO(arv_directory_clear) struct arv_directory found = { 0 };
    char *item = (char *)(uintptr_t)uuid; /* only read */
    const struct vp_texts uuids = { &item, 1 };
    if (arv_is_anonymous_role(uuid))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "the anonymous role is never granted anything: every visitor is in it");
    if (arv_is_user_uuid(uuid))
        return VP_OK;
    VP_TRY(arv_directory_add_groups(job->arvados, &job->credentials, "uuid", &uuids, &found, err));
    const struct arv_entry *entry = arv_directory_find(&found, uuid);
    if (entry == NULL)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "there is no role %s in Arvados, or it is in the trash", uuid);
    if (entry->group_class == NULL || strcmp(entry->group_class, "role") != 0)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "%s is a %.20s: grants are for users and roles", uuid,
                       entry->group_class == NULL ? "group without a class" : entry->group_class);
    return VP_OK;
}

/* The grant that is there already; NULL: none. */
static const struct arv_link *find_existing(const struct grant *job, const struct arv_links *links,
                                            const struct arv_new_link *link)
{
    for (size_t i = 0; i < links->n; i++) {
        const struct arv_link *other = &links->items[i];
        if (other->name == NULL || strcmp(other->name, link->name) != 0 || other->owner_uuid == NULL)
            continue;
        if (job->args->unchecked ? strcmp(other->owner_uuid, link->owner_uuid) == 0
                                 : cli_grant_rules_judge(&job->rules, other, true) == POLICY_KEPT)
            return other;
    }
    return NULL;
}

static bool is_as_wanted(const char *wanted, const char *there)
{
    return wanted == NULL || (there != NULL && strcmp(wanted, there) == 0);
}

static enum vp_code show_links(struct grant *job, const struct arv_link *links, size_t n, bool as_list,
                               struct vp_error *err)
{
    struct vp_buf json = VP_BUF_INIT(JSON_LIMIT);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &json);
    if (as_list)
        vp_json_open_array(&writer);
    for (size_t i = 0; i < n; i++)
        put_link(&writer, job, &links[i]);
    if (as_list)
        vp_json_close_array(&writer);
    enum vp_code code = cli_output_show(&json, job->format, err);
    vp_buf_clear(&json);
    return code;
}

/* *ret_done: it is there, and nothing is to be made. */
static enum vp_code look_for_existing(struct grant *job, const struct arv_new_link *link, bool *ret_done,
                                      struct vp_error *err)
{
    const struct cli_args *args = job->args;
    VP_AUTO(arv_links_clear) struct arv_links links = { 0 };
    VP_TRY(read_links(job, link->tail_uuid, &links, err));
    const struct arv_link *there = find_existing(job, &links, link);
    *ret_done = there != NULL && !args->again;
    if (!*ret_done)
        return VP_OK;
    if (!is_as_wanted(args->expires_at, property(there, "expires_at")) ||
        !is_as_wanted(args->reason, property(there, "reason")))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "%.80s is granted already, with another expiry or reason, by %s: remove that link first, or add "
                       "one more with --again",
                       link->name, there->uuid);
    cli_exit_warn(args->quiet, "%.80s is granted already: no link was made; --again makes one more", link->name);
    return show_links(job, there, 1, false, err);
}

static enum vp_code create(struct grant *job, const struct arv_new_link *link, struct vp_error *err)
{
    char uuid[ARV_UUID_LEN + 1];
    VP_TRY(arv_link_create(job->arvados, &job->credentials, link, uuid, err));
    const struct arv_link made = { .uuid = uuid,
                                   .link_class = link->link_class,
                                   .owner_uuid = link->owner_uuid,
                                   .tail_uuid = link->tail_uuid,
                                   .name = link->name,
                                   .properties = link->properties };
    struct arv_link only = made;
    const struct arv_links links = { .items = &only, .n = 1 };
    struct vp_error unread = { 0 };
    (void)!read_names(job, &links, &unread);
    return show_links(job, &made, 1, false, err);
}

static enum vp_code add(struct grant *job, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *properties = NULL;
    char grantee[ARV_UUID_LEN + 1];
    struct arv_new_link link = { .tail_uuid = grantee, .name = job->args->rest[2] };
    bool done = false;
    VP_TRY(find_grantee(job, job->args->rest[1], grantee, err));
    VP_TRY(learn_rules(job, err));
    VP_TRY(check_grantee(job, grantee, err));
    VP_TRY(check_policy(job, link.name, err));
    VP_TRY(choose_owner(job, &link.owner_uuid, err));
    VP_TRY(make_properties(job->args, &properties, err));
    link.link_class = job->rules.link_class;
    link.properties = properties;
    VP_TRY(check_new(job, &link, err));
    VP_TRY(look_for_existing(job, &link, &done, err));
    if (done)
        return VP_OK;
    VP_TRY(create(job, &link, err));
    warn_of_missing_policy(job, link.name);
    if (job->args->unchecked || job->format == CLI_OUTPUT_JSON)
        return VP_OK;
    /* What the mount makes of it: seen at once by explain, which asks Arvados again. */
    struct vp_error unseen = { 0 };
    if (show_explained(job, link.tail_uuid, &unseen) != VP_OK)
        cli_exit_warn(job->args->quiet, "the grant was made, but the mount does not say what it makes of it: %s",
                      unseen.message);
    job->status = 0; /* the grant was made, whatever else keeps that user out */
    return VP_OK;
}

/* ---- listing ---- */

static enum vp_code list(struct grant *job, struct vp_error *err)
{
    VP_AUTO(arv_links_clear) struct arv_links links = { 0 };
    char grantee[ARV_UUID_LEN + 1];
    bool of_one = job->args->n_rest > 1;
    if (of_one)
        VP_TRY(find_grantee(job, job->args->rest[1], grantee, err));
    VP_TRY(learn_rules(job, err));
    VP_TRY(read_links(job, of_one ? grantee : NULL, &links, err));
    return show_links(job, links.items, links.n, true, err);
}

/* ---- removing ---- */

/* Only what is a grant: a uuid that was mistyped must not take another permission away. */
static enum vp_code remove_one(struct grant *job, const char *uuid, struct vp_error *err)
{
    VP_AUTO(arv_links_clear) struct arv_links links = { 0 };
    bool found = false;
    if (!arv_is_uuid(uuid, "o0j2j"))
        return vp_fail(err, VP_REASON_USAGE,
                       "\"%.60s\": must be the uuid of a link, as grant list shows it, or a user and a policy", uuid);
    VP_TRY(read_links(job, NULL, &links, err));
    for (size_t i = 0; i < links.n; i++)
        found = found || strcmp(links.items[i].uuid, uuid) == 0;
    if (!found)
        return vp_fail(err, VP_REASON_NOT_FOUND, "there is no grant %s (link class %s)", uuid, job->rules.link_class);
    return arv_link_delete(job->arvados, &job->credentials, uuid, err);
}

/* All that grants it, or would at another time. A link of another owner grants nothing, and stays. */
static enum vp_code remove_all(struct grant *job, const char *grantee, const char *policy, struct vp_error *err)
{
    VP_AUTO(arv_links_clear) struct arv_links links = { 0 };
    VP_AUTO(vp_buf_clear) struct vp_buf removed = VP_BUF_INIT(JSON_LIMIT);
    enum vp_code code = VP_OK;
    VP_TRY(read_links(job, grantee, &links, err));
    for (size_t i = 0; code == VP_OK && i < links.n; i++) {
        const struct arv_link *link = &links.items[i];
        if (link->name == NULL || strcmp(link->name, policy) != 0 || link->owner_uuid == NULL ||
            !vp_texts_has(&job->rules.owners, link->owner_uuid))
            continue;
        code = arv_link_delete(job->arvados, &job->credentials, link->uuid, err);
        if (code == VP_OK)
            vp_buf_add_format(&removed, "%s\n", link->uuid);
    }
    if (code == VP_OK && removed.len == 0)
        return vp_fail(err, VP_REASON_NOT_FOUND, "%s is not granted %.80s by any link", grantee, policy);
    /* Also after a failure: these links are gone. */
    struct vp_error unprinted = { 0 };
    enum vp_code printed = cli_output_raw(&removed, code == VP_OK ? err : &unprinted);
    return code == VP_OK ? printed : code;
}

static enum vp_code remove_links(struct grant *job, struct vp_error *err)
{
    char grantee[ARV_UUID_LEN + 1];
    VP_TRY(job->args->n_rest == 3 ? find_grantee(job, job->args->rest[1], grantee, err) : VP_OK);
    VP_TRY(learn_rules(job, err));
    return job->args->n_rest == 3 ? remove_all(job, grantee, job->args->rest[2], err)
                                  : remove_one(job, job->args->rest[1], err);
}

/* ---- which ---- */

static const struct {
    const char *name;
    size_t min_words; /* behind it */
    size_t max_words;
    enum vp_code (*run)(struct grant *job, struct vp_error *err);
    bool asks_arvados;
} ACTIONS[] = {
    { "add", 2, 2, add, true },
    { "list", 0, 1, list, true },
    { "remove", 1, 2, remove_links, true },
    { "check", 1, 1, check, false },
};

static enum vp_code run_action(struct cli_session *session, void *context, struct vp_error *err)
{
    struct grant *job = context;
    job->session = session;
    for (size_t i = 0; i < sizeof ACTIONS / sizeof ACTIONS[0]; i++) {
        if (strcmp(ACTIONS[i].name, job->args->rest[0]) != 0)
            continue;
        size_t n_words = job->args->n_rest - 1;
        if (n_words < ACTIONS[i].min_words || n_words > ACTIONS[i].max_words)
            break;
        if (ACTIONS[i].asks_arvados)
            VP_TRY(connect(job, err));
        enum vp_code code = ACTIONS[i].run(job, err);
        arv_client_free(job->arvados);
        return code;
    }
    return vp_fail(err, VP_REASON_USAGE,
                   "grant: must be add USER POLICY, list [USER], remove USER POLICY, remove LINK_UUID or check USER");
}

COMMAND(cli_cmd_grant)
{
    struct grant job = { .args = args };
    const struct cli_session_need how = { .args = args, .only_connect = true };
    VP_TRY(cli_output_format_parse(args->format, &job.format, err));
    enum vp_code code = cli_session_run(command, &how, run_action, &job, err);
    *ret_status = job.status;
    vp_secret_free(job.token);
    arv_directory_clear(&job.names);
    cli_grant_rules_clear(&job.rules);
    return code;
}
