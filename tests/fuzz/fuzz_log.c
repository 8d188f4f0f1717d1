/* A log line. It is one JSON object on one line and fits one pipe write, whatever its values are.
 * The server stops reading otherwise. */
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "vp/json.h"
#include "vp/log.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vp_json_source LINE = { "the line", VP_REASON_INTERNAL, PIPE_BUF, 2, 64, 0, 0 };
    static int ends[2] = { -1, -1 };
    static char line[PIPE_BUF + 1];
    struct fuzz_input input = { data, size };
    char *message = fuzz_part(&input, NULL), *key = fuzz_part(&input, NULL), *text = fuzz_part(&input, NULL);
    struct vp_json *document = NULL;
    if (ends[0] < 0) {
        assert(pipe2(ends, O_NONBLOCK) == 0);
        vp_log_set_fd(ends[1]);
    }
    const struct vp_log_field fields[] = { { *key == '\0' || *key == '@' ? "key" : key, text, 0 },
                                           { "number", NULL, (int64_t)size },
                                           { 0 } };
    vp_log(VP_LOG_INFO, message, fields);
    ssize_t len = read(ends[0], line, sizeof line);
    assert(len > 1 && len <= PIPE_BUF && line[len - 1] == '\n' && memchr(line, '\n', (size_t)len - 1) == NULL);
    /* A key that stands twice ("number", "@level") is the test's own doing. */
    if (vp_json_parse(line, (size_t)len - 1, &LINE, &document, &(struct vp_error){ 0 }) == VP_OK) {
        assert(vp_json_type(vp_json_get(document, "@message")) == VP_JSON_TEXT);
        assert(vp_json_type(vp_json_get(document, "@level")) == VP_JSON_TEXT);
        vp_json_free(document);
    } else {
        assert(strcmp(key, "number") == 0);
    }
    free(message);
    free(key);
    free(text);
    return 0;
}
