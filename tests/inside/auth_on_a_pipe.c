/* The auth method behind a pipe, for a program in another language that plays host and Arvados (tests/model).
 *
 * In, on standard input: one JSON object a line.
 *   {"new": true}                     forget everything; a fresh mount
 *   {"now": 1700000000}               the time from now on
 *   {"operation", "path", "data", "remote_addr", "standby"}   one request
 *   {"operation": "renew", "auth": {"internal_data", "policies", "token_policies", "issued_at"}}
 * Out: "ask TARGET BEARER" for each question to Arvados, answered by "STATUS LENGTH" and so many bytes, or by "0 REASON"
 * for none; in the end "done {...}" with what the host would be told. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vp/auth.h"
#include "vp/clock.h"

#include "fake_call.h"
#include "fake_http.h"
#include "mount.h"

/* There when tests/torture is loaded: the pipe's own work shall not fail, only the method's. */
__attribute__((weak)) void failing_step(int direction);

static void step(int direction)
{
    if (failing_step != NULL)
        failing_step(direction);
}

static const struct vp_json_source COMMAND = {
    "the command", VP_REASON_BAD_REQUEST, 4 * 1024 * 1024, 32, 100000, 0, 0
};

static int64_t now_s = 1700000000;

static int64_t tell_now(void *self)
{
    (void)self;
    return now_s;
}

static int64_t tell_monotonic(void *self)
{
    (void)self;
    return now_s * 1000;
}

static const struct vp_clock CLOCK = { tell_now, tell_monotonic, NULL };

/* The other side went away: nothing is left to do. */
static void read_line(char **line, size_t *size)
{
    ssize_t len = getline(line, size, stdin);
    if (len <= 0)
        exit(0);
    (*line)[len - 1] = '\0';
}

static enum vp_reason reason_of(const char *word)
{
    for (int i = VP_REASON_NONE + 1; i < VP_REASON_N; i++)
        if (strcmp(word, vp_reason_word((enum vp_reason)i)) == 0)
            return (enum vp_reason)i;
    fprintf(stderr, "no such reason: %s\n", word);
    exit(2);
}

static void read_reply(struct fake_answer *answer)
{
    static char *line;
    static size_t size;
    read_line(&line, &size);
    char *rest = NULL;
    answer->status = (int)strtol(line, &rest, 10);
    if (answer->status == 0) {
        answer->failure = reason_of(rest + 1);
        return;
    }
    size_t len = strtoul(rest, NULL, 10);
    char *bytes = malloc(len + 1);
    assert(bytes != NULL);
    if (fread(bytes, 1, len, stdin) != len)
        exit(0);
    vp_buf_add(&answer->body, bytes, len);
    free(bytes);
}

static void ask(void *self, const struct http_exchange *exchange, struct fake_answer *answer)
{
    (void)self;
    step(-1);
    printf("ask %s %s\n", exchange->target, exchange->bearer == NULL ? "-" : vp_secret_reveal(exchange->bearer));
    (void)fflush(stdout);
    read_reply(answer);
    step(1);
}

static const char *text_of(const struct vp_json *object, const char *key)
{
    const struct vp_json *value = vp_json_get(object, key);
    return vp_json_type(value) == VP_JSON_TEXT ? vp_json_text(value) : NULL;
}

static void add_texts(const struct vp_json *array, struct vp_texts *texts)
{
    for (size_t i = 0; i < vp_json_len(array); i++) {
        enum vp_code code = vp_texts_add(texts, vp_json_text(vp_json_at(array, i)), &(struct vp_error){ 0 });
        assert(code == VP_OK);
        (void)code;
    }
}

static void read_auth(const struct vp_json *given, struct logical_auth *auth)
{
    const char *internal_data = text_of(given, "internal_data");
    auth->internal_data = internal_data == NULL ? NULL : strdup(internal_data);
    add_texts(vp_json_get(given, "policies"), &auth->policies);
    add_texts(vp_json_get(given, "token_policies"), &auth->token_policies);
    auth->issued_at_s = vp_json_int(vp_json_get(given, "issued_at"));
}

/* ---- telling the outcome ---- */

static void put_texts(struct vp_json_writer *writer, const char *key, const struct vp_texts *texts)
{
    vp_json_put_key(writer, key);
    vp_json_open_array(writer);
    for (size_t i = 0; i < texts->n; i++)
        vp_json_put_text(writer, texts->items[i]);
    vp_json_close_array(writer);
}

static void put_pairs(struct vp_json_writer *writer, const char *key, const struct logical_pairs *pairs)
{
    vp_json_put_key(writer, key);
    vp_json_open_object(writer);
    for (size_t i = 0; i < pairs->n; i++)
        vp_json_add_text(writer, pairs->items[i].key, pairs->items[i].value);
    vp_json_close_object(writer);
}

static void put_auth(struct vp_json_writer *writer, const struct logical_auth *auth)
{
    vp_json_put_key(writer, "auth");
    vp_json_open_object(writer);
    put_texts(writer, "policies", &auth->policies);
    put_texts(writer, "group_aliases", &auth->group_aliases);
    put_texts(writer, "bound_cidrs", &auth->bound_cidrs);
    put_pairs(writer, "metadata", &auth->metadata);
    put_pairs(writer, "alias_metadata", &auth->alias_metadata);
    vp_json_add_text(writer, "alias", auth->alias_name);
    vp_json_add_text(writer, "display_name", auth->display_name);
    vp_json_add_text(writer, "internal_data", auth->internal_data);
    vp_json_add_int(writer, "ttl", auth->ttl_s);
    vp_json_add_int(writer, "max_ttl", auth->max_ttl_s);
    vp_json_add_int(writer, "explicit_max_ttl", auth->explicit_max_ttl_s);
    vp_json_add_int(writer, "period", auth->period_s);
    vp_json_add_int(writer, "num_uses", auth->num_uses);
    vp_json_add_int(writer, "token_type", auth->token_type);
    vp_json_add_bool(writer, "no_default_policy", auth->no_default_policy);
    vp_json_add_bool(writer, "renewable", auth->renewable);
    vp_json_close_object(writer);
}

static void tell(enum vp_code code, const struct fake_mount *mount)
{
    struct vp_buf text = VP_BUF_INIT(LOGICAL_REPLY_MAX * 2);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &text);
    vp_json_open_object(&writer);
    vp_json_add_text(&writer, "reason", code == VP_OK ? NULL : vp_reason_word(mount->err.reason));
    vp_json_add_text(&writer, "message", code == VP_OK ? NULL : mount->err.message);
    vp_json_add_text(&writer, "detail", code == VP_OK ? NULL : mount->err.detail);
    put_texts(&writer, "warnings", &mount->reply.warnings);
    /* What the host would see: nothing of a reply goes out beside a failure. */
    if (code == VP_OK && mount->reply.auth != NULL)
        put_auth(&writer, mount->reply.auth);
    if (code == VP_OK && mount->reply.renewed) {
        put_texts(&writer, "group_aliases", &mount->reply.group_aliases);
        vp_json_add_int(&writer, "ttl", mount->reply.ttl_s);
        vp_json_add_int(&writer, "max_ttl", mount->reply.max_ttl_s);
        vp_json_add_int(&writer, "period", mount->reply.period_s);
    }
    if (code == VP_OK)
        vp_json_add_text(&writer, "data", vp_buf_text(&mount->reply.data));
    vp_json_close_object(&writer);
    assert(!text.failed);
    printf("done %s\n", vp_buf_text(&text));
    (void)fflush(stdout);
    vp_buf_clear(&text);
}

/* ---- commands ---- */

static void begin(struct fake_mount *mount)
{
    fake_mount_init(mount, auth_backend());
    ((struct mount_shared *)mount->shared)->clock = &CLOCK;
}

static void serve(struct fake_mount *mount, const struct vp_json *command)
{
    struct logical_auth auth = { 0 };
    const struct vp_json *given = vp_json_get(command, "auth");
    struct logical_call call = fake_mount_new_call(mount, logical_operation_of(text_of(command, "operation")),
                                                   given == NULL ? text_of(command, "path") : "");
    const struct vp_json *standby = vp_json_get(command, "standby");
    call.data = vp_json_get(command, "data");
    call.remote_addr = text_of(command, "remote_addr");
    call.standby = vp_json_type(standby) == VP_JSON_BOOL && vp_json_bool(standby);
    if (given != NULL) {
        read_auth(given, &auth);
        call.auth = &auth;
    }
    step(1);
    enum vp_code code = fake_mount_run(mount, &call);
    step(-1);
    tell(code, mount);
    logical_auth_clear(&auth);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    struct fake_mount mount;
    step(-1);
    fake_http_set(ask, NULL);
    begin(&mount);
    for (;;) {
        VP_AUTO(vp_json_freep) struct vp_json *command = NULL;
        struct vp_error err = { 0 };
        read_line(&line, &size);
        if (vp_json_parse(line, strlen(line), &COMMAND, &command, &err) != VP_OK) {
            fprintf(stderr, "not a command: %s\n", err.message);
            return 2;
        }
        const struct vp_json *now = vp_json_get(command, "now");
        if (now != NULL) {
            now_s = vp_json_int(now);
        } else if (vp_json_get(command, "new") != NULL) {
            fake_mount_clear(&mount);
            begin(&mount);
        } else {
            serve(&mount, command);
        }
    }
}
