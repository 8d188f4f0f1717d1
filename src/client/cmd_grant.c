/* grant add, list, remove, check: for Arvados admins. A grant is a link in Arvados; what counts is what the mount says. */
#include <string.h>

#include "vp/clock.h"
#include "vp/json.h"
#include "vp/policy.h"

#include "commands.h"
#include "exit.h"
#include "output.h"

static const char DEFAULT_CLASS[] = "vault_policy";

enum { PATH_LIMIT = 512, JSON_LIMIT = 8 * 1024 * 1024 };

/* What counts at the mount: its config, as far as it matters here. */
struct rules {
    char link_class[256];
    struct vp_texts owners;
    struct vp_texts modifiers;
    struct vp_texts prefixes; /* empty: not known */
    struct vp_texts policies;
    struct vp_json *config; /* the whole of it; NULL: not known */
};

struct grant {
    const struct cli_args *args;
    struct cli_session *session;
    struct arv_client *arvados;
    struct arv_credentials credentials;
    struct vp_secret *token;
    struct arv_token_text token_parts;
    struct rules rules;
    enum cli_output_format format;
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

static enum vp_code copy_texts(const struct vp_json *array, struct vp_texts *texts, struct vp_error *err)
{
    for (size_t i = 0; i < vp_json_len(array); i++)
        if (vp_json_type(vp_json_at(array, i)) == VP_JSON_TEXT)
            VP_TRY(vp_texts_add(texts, vp_json_text(vp_json_at(array, i)), err));
    return VP_OK;
}

static enum vp_code read_config(struct grant *job, struct vp_error *err)
{
    VP_TRY(vault_set_token(job->session->vault, job->session->settings->vault_token, err));
    VP_TRY(ask_mount(job, "config", NULL, &job->rules.config, err));
    const struct vp_json *data = vp_json_get(job->rules.config, "data");
    const struct vp_json *link_class = vp_json_get(data, "link_class");
    if (vp_json_type(link_class) != VP_JSON_TEXT || strlen(vp_json_text(link_class)) >= sizeof job->rules.link_class)
        return vp_fail(err, VP_REASON_UPSTREAM_BAD_ANSWER, "the mount's config has no link_class");
    memcpy(job->rules.link_class, vp_json_text(link_class), strlen(vp_json_text(link_class)) + 1);
    VP_TRY(copy_texts(vp_json_get(data, "trusted_link_owners"), &job->rules.owners, err));
    VP_TRY(copy_texts(vp_json_get(data, "trusted_link_modifiers"), &job->rules.modifiers, err));
    VP_TRY(copy_texts(vp_json_get(data, "allowed_policies"), &job->rules.policies, err));
    return copy_texts(vp_json_get(data, "allowed_policy_prefixes"), &job->rules.prefixes, err);
}

/* The defaults of every mount. */
static enum vp_code assume_config(struct grant *job, struct vp_error *err)
{
    char system_user[ARV_UUID_LEN + 1];
    memcpy(job->rules.link_class, DEFAULT_CLASS, sizeof DEFAULT_CLASS);
    arv_uuid_of(job->token_parts.uuid, ARV_SYSTEM_USER, system_user);
    return vp_texts_add(&job->rules.owners, system_user, err);
}

static enum vp_code learn_rules(struct grant *job, struct vp_error *err)
{
    if (job->args->unchecked)
        return assume_config(job, err);
    if (job->session->settings->vault_token == NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "which grants count is in the mount's config, and there is no Vault token to read it with: set "
                       "BAO_TOKEN. --unchecked goes by the defaults");
    return read_config(job, err);
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
    if (code == VP_OK && vp_json_type(reason) == VP_JSON_TEXT)
        cli_exit_warn(job->args->quiet, "a login would be refused: %s", vp_json_text(reason));
    return code;
}

static enum vp_code check(struct grant *job, struct vp_error *err)
{
    const char *uuid = job->args->rest[1];
    if (!arv_is_user_uuid(uuid) && !arv_is_uuid(uuid, "j7d0g") && !arv_is_uuid(uuid, "dz642"))
        return vp_fail(err, VP_REASON_USAGE, "grant check wants the uuid of a user, a role or a container");
    VP_TRY(vault_set_token(job->session->vault, job->session->settings->vault_token, err));
    return show_explained(job, uuid, err);
}

/* ---- judging ---- */

/* What the mount demands of names that this owner grants; NULL: nothing more. */
static const char *owner_prefix(const struct grant *job, const char *owner_uuid)
{
    const struct vp_json *by_owner = vp_json_get(vp_json_get(job->rules.config, "data"), "prefixes_by_owner");
    const struct vp_json *prefix = owner_uuid == NULL ? NULL : vp_json_get(by_owner, owner_uuid);
    return vp_json_type(prefix) == VP_JSON_TEXT ? vp_json_text(prefix) : NULL;
}

static struct policy_link seen_link(const struct grant *job, const struct arv_link *link)
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
        .owner_prefix = owner_prefix(job, link->owner_uuid),
    };
}

/* The plugin's own judgement, for whomever the link is for, in whatever image. */
static enum policy_drop judge(const struct grant *job, const struct arv_link *link, const struct vp_texts *modifiers)
{
    static const struct vp_texts NONE = { 0 };
    char *tails[] = { (char *)(uintptr_t)link->tail_uuid };
    const struct vp_texts roles = { tails, link->tail_uuid == NULL ? 0 : 1 };
    const struct policy_link seen = seen_link(job, link);
    const struct policy_rules rules = {
        .link_class = job->rules.link_class,
        .trusted_owners = &job->rules.owners,
        .trusted_modifiers = modifiers,
        .allowed_prefixes = &job->rules.prefixes,
        .narrower_prefixes = &NONE,
        .allowed_policies = &job->rules.policies,
        .user_uuid = link->tail_uuid != NULL && arv_is_user_uuid(link->tail_uuid) ? link->tail_uuid : "",
        .roles = &roles,
        .trashed_roles = &NONE,
        .anonymous_role = link->tail_uuid != NULL && arv_is_anonymous_role(link->tail_uuid) ? link->tail_uuid : "",
        .any_image = true,
        .now_s = VP_CLOCK_SYSTEM.now_s(VP_CLOCK_SYSTEM.self),
    };
    return policy_judge(&seen, &rules);
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
static enum vp_code check_new(const struct grant *job, const struct arv_new_link *link, struct vp_error *err)
{
    static const struct vp_texts ANY = { 0 };
    const struct arv_link made = {
        .uuid = "",
        .link_class = link->link_class,
        .owner_uuid = link->owner_uuid,
        .tail_uuid = link->tail_uuid,
        .name = link->name,
        .properties = link->properties,
    };
    enum policy_drop drop = job->args->unchecked ? POLICY_KEPT : judge(job, &made, &ANY);
    if (drop != POLICY_KEPT)
        return vp_fail(err, VP_REASON_BAD_REQUEST, "the grant would not count: %s", policy_drop_word(drop));
    return VP_OK;
}

static enum vp_code show_link(const struct grant *job, const struct arv_new_link *link, const char *uuid,
                              struct vp_error *err)
{
    struct vp_buf json = VP_BUF_INIT(8192);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &json);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "link_uuid", uuid);
    vp_json_add_text(&writer, "policy", link->name);
    vp_json_add_text(&writer, "tail_uuid", link->tail_uuid);
    vp_json_add_text(&writer, "owner_uuid", link->owner_uuid);
    vp_json_close_object(&writer);
    enum vp_code code = cli_output_show(&json, job->format, err);
    vp_buf_clear(&json);
    return code;
}

static enum vp_code add(struct grant *job, struct vp_error *err)
{
    VP_AUTO(vp_json_freep) struct vp_json *properties = NULL;
    struct arv_new_link link = { .tail_uuid = job->args->rest[1], .name = job->args->rest[2] };
    char uuid[ARV_UUID_LEN + 1];
    if (!arv_is_user_uuid(link.tail_uuid) && !arv_is_uuid(link.tail_uuid, "j7d0g"))
        return vp_fail(err, VP_REASON_USAGE, "a grant is for a user or a role: %.60s is no uuid of one",
                       link.tail_uuid);
    if (arv_is_anonymous_role(link.tail_uuid))
        return vp_fail(err, VP_REASON_BAD_REQUEST,
                       "everybody in the world is in the anonymous role: it is never granted anything");
    VP_TRY(learn_rules(job, err));
    VP_TRY(check_policy(job, link.name, err));
    VP_TRY(choose_owner(job, &link.owner_uuid, err));
    VP_TRY(make_properties(job->args, &properties, err));
    link.link_class = job->rules.link_class;
    link.properties = properties;
    VP_TRY(check_new(job, &link, err));
    VP_TRY(arv_link_create(job->arvados, &job->credentials, &link, uuid, err));
    VP_TRY(show_link(job, &link, uuid, err));
    if (job->args->unchecked || job->format == CLI_OUTPUT_JSON)
        return VP_OK;
    /* What the mount makes of it: seen at once by explain, which asks Arvados anew. */
    struct vp_error unseen = { 0 };
    if (show_explained(job, link.tail_uuid, &unseen) != VP_OK)
        cli_exit_warn(job->args->quiet, "the grant was made, but the mount does not say what it makes of it: %s",
                      unseen.message);
    return VP_OK;
}

/* ---- listing ---- */

static const char *verdict(const struct grant *job, const struct arv_link *link)
{
    enum policy_drop drop = judge(job, link, &job->rules.modifiers);
    return drop == POLICY_KEPT ? "yes" : policy_drop_word(drop);
}

static void put_link(struct vp_json_writer *writer, const struct grant *job, const struct arv_link *link)
{
    const struct vp_json *expires_at = vp_json_get(link->properties, "expires_at");
    vp_json_open_object(writer);
    vp_json_add_text(writer, "link_uuid", link->uuid);
    vp_json_add_text(writer, "tail_uuid", link->tail_uuid);
    vp_json_add_text(writer, "policy", link->name);
    if (!job->args->unchecked)
        vp_json_add_text(writer, "counts", verdict(job, link));
    vp_json_add_text(writer, "expires_at", vp_json_type(expires_at) == VP_JSON_TEXT ? vp_json_text(expires_at) : NULL);
    vp_json_add_text(writer, "owner_uuid", link->owner_uuid);
    vp_json_close_object(writer);
}

static enum vp_code read_links(struct grant *job, const char *tail_uuid, struct arv_links *ret_links,
                               struct vp_error *err)
{
    struct vp_texts tails = { 0 };
    enum vp_code code = tail_uuid == NULL ? VP_OK : vp_texts_add(&tails, tail_uuid, err);
    const struct arv_link_query query = { .link_class = job->rules.link_class,
                                          .tail_uuids = tail_uuid == NULL ? NULL : &tails };
    if (code == VP_OK)
        code = arv_links_list(job->arvados, &job->credentials, &query, ret_links, err);
    vp_texts_clear(&tails);
    return code;
}

static enum vp_code list(struct grant *job, struct vp_error *err)
{
    struct arv_links links;
    struct vp_buf json = VP_BUF_INIT(JSON_LIMIT);
    struct vp_json_writer writer;
    VP_TRY(learn_rules(job, err));
    VP_TRY(read_links(job, job->args->n_rest > 1 ? job->args->rest[1] : NULL, &links, err));
    vp_json_begin(&writer, &json);
    vp_json_open_array(&writer);
    for (size_t i = 0; i < links.n; i++)
        put_link(&writer, job, &links.items[i]);
    vp_json_close_array(&writer);
    enum vp_code code = cli_output_show(&json, job->format, err);
    vp_buf_clear(&json);
    arv_links_clear(&links);
    return code;
}

/* ---- removing ---- */

/* Only what is a grant: a uuid that was mistyped must not take somebody's permission away. */
static enum vp_code remove_link(struct grant *job, struct vp_error *err)
{
    const char *uuid = job->args->rest[1];
    struct arv_links links;
    bool found = false;
    if (!arv_is_uuid(uuid, "o0j2j"))
        return vp_fail(err, VP_REASON_USAGE, "grant remove wants the uuid of a link, as grant list shows it");
    VP_TRY(learn_rules(job, err));
    VP_TRY(read_links(job, NULL, &links, err));
    for (size_t i = 0; i < links.n; i++)
        found = found || strcmp(links.items[i].uuid, uuid) == 0;
    arv_links_clear(&links);
    if (!found)
        return vp_fail(err, VP_REASON_NOT_FOUND, "there is no grant %s (link class %s)", uuid, job->rules.link_class);
    return arv_link_delete(job->arvados, &job->credentials, uuid, err);
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
    { "remove", 1, 1, remove_link, true },
    { "check", 1, 1, check, false },
};

static enum vp_code connect(struct grant *job, struct vp_error *err)
{
    const struct cli_settings *settings = job->session->settings;
    if (settings->arvados_token == NULL)
        return vp_fail(err, VP_REASON_LOCAL_CONFIG,
                       "there is no Arvados token: set ARVADOS_API_HOST and ARVADOS_API_TOKEN to an admin's");
    VP_TRY(arv_token_parse(settings->arvados_token, &job->token, &job->token_parts, err));
    job->credentials = (struct arv_credentials){ .token = job->token, .deadline_ms = settings->deadline_ms };
    return cli_session_arvados(job->session, &job->arvados, err);
}

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
        else if (session->settings->vault_token == NULL)
            return vp_fail(err, VP_REASON_LOCAL_CONFIG, "the mount is asked: set BAO_TOKEN");
        enum vp_code code = ACTIONS[i].run(job, err);
        arv_client_free(job->arvados);
        return code;
    }
    return vp_fail(err, VP_REASON_USAGE,
                   "write grant add UUID POLICY, grant list [UUID], grant remove LINK_UUID or grant check UUID");
}

COMMAND(cli_cmd_grant)
{
    struct grant job = { .args = args };
    const struct cli_session_need how = { .args = args, .only_connect = true };
    (void)ret_status;
    VP_TRY(cli_output_format_parse(args->format, &job.format, err));
    enum vp_code code = cli_session_run(command, &how, run_action, &job, err);
    vp_secret_free(job.token);
    vp_texts_clear(&job.rules.owners);
    vp_texts_clear(&job.rules.modifiers);
    vp_texts_clear(&job.rules.prefixes);
    vp_texts_clear(&job.rules.policies);
    vp_json_free(job.rules.config);
    return code;
}
