#include "fake_arvados.h"

#include <string.h>

#define SYSTEM_USER "zzzzz-tpzed-000000000000000"
#define CONTAINER                                                                                                \
    "{\"uuid\":\"" FAKE_CONTAINER "\",\"state\":\"Running\",\"auth_uuid\":\"" FAKE_TOKEN_UUID                    \
    "\",\"runtime_user_uuid\":\"" FAKE_USER                                                                      \
    "\",\"container_image\":\"fa3c1a9cb6783f85f2ecda037e07b8c3+167\",\"started_at\":\"2026-01-01T00:00:00.5Z\"," \
    "\"interactive_session_started\":false}"
#define USER "{\"uuid\":\"" FAKE_USER "\",\"username\":\"alice\",\"is_active\":true,\"is_admin\":false}"
#define LINK(number, owner, tail, name, properties)                                  \
    "{\"uuid\":\"zzzzz-o0j2j-00000000000000" number "\",\"owner_uuid\":\"" owner     \
    "\",\"link_class\":\"vault_policy\",\"name\":\"" name "\",\"tail_uuid\":\"" tail \
    "\",\"head_uuid\":null,\"modified_by_user_uuid\":\"" SYSTEM_USER "\",\"properties\":" properties "}"

static const struct {
    const char *path;
    const char *body;
} RECORDS[FAKE_N_RECORDS] = {
    [FAKE_DISCOVERY] = { "/discovery/v1/apis/arvados/v1/rest", "{\"uuidPrefix\":\"zzzzz\",\"packageVersion\":\"3.2.1-"
                                                               "1\",\"revision\":\"20260101\",\"resources\":"
                                                               "{\"computed_permissions\":{}}}" },
    [FAKE_CONTAINER_CURRENT] = { "/arvados/v1/containers/current", CONTAINER },
    [FAKE_USER_CURRENT] = { "/arvados/v1/users/current", USER },
    [FAKE_TOKEN_CURRENT] = { "/arvados/v1/api_client_authorizations/current",
                             "{\"uuid\":\"" FAKE_TOKEN_UUID "\",\"owner_uuid\":\"" FAKE_USER
                             "\",\"scopes\":[\"all\"],\"expires_at\":\"2999-01-01T00:00:00Z\"}" },
    [FAKE_CONTAINERS] = { "/arvados/v1/containers", "{\"items\":[" CONTAINER "],\"limit\":2}" },
    [FAKE_USERS] = { "/arvados/v1/users", "{\"items\":[" USER "],\"limit\":2}" },
    [FAKE_LINKS] = { "/arvados/v1/links",
                     "{\"items\":[" LINK("1", SYSTEM_USER, FAKE_USER, "arvados-mine", "{}") "," LINK(
                         "2", SYSTEM_USER, FAKE_ROLE, "arvados-ours",
                         "{\"expires_at\":\"2998-01-01T00:00:00Z\",\"not_before\":\"2020-01-01T00:00:00Z\",\"reason\":"
                         "\"why\"}") "," LINK("3", SYSTEM_USER, FAKE_USER, "Arvados-bad",
                                              "{\"note\":[1,2.5,null]}") "],\"items_available\":3,\"limit\":1000}" },
    [FAKE_MEMBERS] = { "/arvados/v1/computed_permissions",
                       "{\"items\":[{\"target_uuid\":\"" FAKE_ROLE "\",\"user_uuid\":\"" FAKE_USER
                       "\",\"perm_level\":\"can_read\"}],\"limit\":1000}" },
    [FAKE_GROUPS] = { "/arvados/v1/groups",
                      "{\"items\":[{\"uuid\":\"" FAKE_ROLE "\",\"group_class\":\"role\"}],\"limit\":1000}" },
};

enum fake_record fake_arvados_record(const struct http_exchange *exchange)
{
    size_t len = strcspn(exchange->target, "?");
    for (int i = 0; i < FAKE_N_RECORDS; i++)
        if (strlen(RECORDS[i].path) == len && strncmp(RECORDS[i].path, exchange->target, len) == 0)
            return (enum fake_record)i;
    return FAKE_N_RECORDS;
}

const char *fake_arvados_body(enum fake_record record)
{
    return RECORDS[record].body;
}

/* Of one record, asked for by its uuid: is it another's? */
static bool is_of_another(enum fake_record record, const char *target)
{
    return (record == FAKE_CONTAINERS && strstr(target, FAKE_CONTAINER) == NULL &&
            strstr(target, FAKE_TOKEN_UUID) == NULL) ||
           (record == FAKE_USERS && strstr(target, FAKE_USER) == NULL) ||
           ((record == FAKE_MEMBERS || record == FAKE_GROUPS) && strstr(target, FAKE_ROLE) == NULL);
}

void fake_arvados_answer(void *self, const struct http_exchange *exchange, struct fake_answer *answer)
{
    enum fake_record record = fake_arvados_record(exchange);
    (void)self;
    /* Without a container behind it a token is none's. */
    if (record == FAKE_CONTAINER_CURRENT && strstr(vp_secret_reveal(exchange->bearer), "-dz642-") == NULL)
        record = FAKE_N_RECORDS;
    answer->status = record == FAKE_N_RECORDS ? 404 : 200;
    if (is_of_another(record, exchange->target)) {
        vp_buf_add_text(&answer->body, "{\"items\":[],\"limit\":1000}");
        return;
    }
    if (record == FAKE_TOKEN_CURRENT && strcmp(vp_secret_reveal(exchange->bearer), FAKE_SERVICE) == 0)
        vp_buf_add_text(&answer->body, "{\"uuid\":\"zzzzz-gj3su-000000000000009\",\"owner_uuid\":\"" SYSTEM_USER
                                       "\",\"scopes\":[\"all\"],\"expires_at\":null}");
    else
        vp_buf_add_text(&answer->body, record == FAKE_N_RECORDS
                                           ? "{\"errors\":[\"Token is not associated with a container.\"]}"
                                           : RECORDS[record].body);
}
