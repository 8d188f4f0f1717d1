#include "dotenv.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1024 * 1024 };

struct reader {
    const char *file;
    const char *at;
    unsigned line;
    struct cli_plan *plan;
};

static enum vp_code bad_line(const struct reader *reader, const char *why, struct vp_error *err)
{
    return vp_fail(err, VP_REASON_LOCAL_CONFIG, "%.200s, line %u: %s", reader->file, reader->line, why);
}

static void skip_blanks(struct reader *reader)
{
    reader->at += strspn(reader->at, " \t");
}

static char unescaped(char c)
{
    return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
}

/* From behind the quote to behind its counterpart; it may go on over lines. */
static enum vp_code read_quoted(struct reader *reader, char quote, struct vp_buf *value, struct vp_error *err)
{
    for (; *reader->at != quote; reader->at++) {
        if (*reader->at == '\0')
            return bad_line(reader, "a quote is not closed", err);
        reader->line += *reader->at == '\n';
        if (quote == '"' && *reader->at == '\\' && reader->at[1] != '\0') {
            char c = unescaped(*++reader->at);
            vp_buf_add(value, &c, 1);
        } else
            vp_buf_add(value, reader->at, 1);
    }
    reader->at++;
    skip_blanks(reader);
    if (*reader->at != '\0' && *reader->at != '\n' && *reader->at != '\r' && *reader->at != '#')
        return bad_line(reader, "something stands behind the closing quote", err);
    return VP_OK;
}

/* Up to the end of the line, or to a comment behind a blank. */
static void read_plain(struct reader *reader, struct vp_buf *value)
{
    size_t len = strcspn(reader->at, "\r\n");
    for (size_t i = 1; i < len; i++)
        if (reader->at[i] == '#' && (reader->at[i - 1] == ' ' || reader->at[i - 1] == '\t'))
            len = i;
    while (len > 0 && (reader->at[len - 1] == ' ' || reader->at[len - 1] == '\t'))
        len--;
    vp_buf_add(value, reader->at, *reader->at == '#' ? 0 : len);
}

static enum vp_code read_value(struct reader *reader, struct vp_buf *value, struct vp_error *err)
{
    char quote = *reader->at;
    if (quote != '"' && quote != '\'') {
        read_plain(reader, value);
        return VP_OK;
    }
    reader->at++;
    return read_quoted(reader, quote, value, err);
}

static enum vp_code read_variable(struct reader *reader, struct vp_error *err)
{
    static const char NAME[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    static const char EXPORT[] = "export ";
    struct vp_buf name = VP_BUF_INIT(FILE_MAX);
    struct vp_buf value = VP_BUF_INIT(FILE_MAX);
    if (strncmp(reader->at, EXPORT, strlen(EXPORT)) == 0)
        reader->at += strlen(EXPORT);
    skip_blanks(reader);
    size_t len = strspn(reader->at, NAME);
    vp_buf_add(&name, reader->at, len);
    reader->at += len;
    skip_blanks(reader);
    enum vp_code code = len > 0 && *reader->at == '=' ? VP_OK : bad_line(reader, "it is not NAME=value", err);
    if (code == VP_OK) {
        reader->at++;
        skip_blanks(reader);
        code = read_value(reader, &value, err);
    }
    if (code == VP_OK)
        code = vp_buf_check(&value, "a variable", err);
    if (code == VP_OK)
        code = cli_plan_add_value(reader->plan, vp_buf_text(&name), vp_buf_text(&value), err);
    vp_buf_clear(&name);
    vp_buf_clear(&value);
    return code;
}

enum vp_code cli_dotenv_read(const char *file, struct cli_plan *plan, struct vp_error *err)
{
    struct vp_buf text = VP_BUF_INIT(FILE_MAX);
    enum vp_code code = cli_files_read(file, "the env file", &text, err);
    struct reader reader = { .file = file, .at = vp_buf_text(&text), .line = 1, .plan = plan };
    while (code == VP_OK && *reader.at != '\0') {
        skip_blanks(&reader);
        if (strchr("#\r\n", *reader.at) == NULL)
            code = read_variable(&reader, err);
        reader.at += strcspn(reader.at, "\n");
        reader.line += *reader.at == '\n';
        reader.at += *reader.at == '\n';
    }
    vp_buf_clear(&text);
    return code;
}
