/* JSON out: what is written, byte by byte, and that our own strict reader takes it. */
#include <stdio.h>
#include <stdlib.h>

#include "vp/json.h"

#include "check.h"

static const struct vp_json_source SOURCE = { "the text", VP_REASON_BAD_REQUEST, 1 << 20, 32, 100000, 0, 0 };

static char buffer[1024];

/* What a text becomes. Borrowed until the next call. */
static const char *written(const char *text)
{
    struct vp_buf buf = VP_BUF_INIT(sizeof buffer - 1);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &buf);
    vp_json_put_text(&writer, text);
    (void)snprintf(buffer, sizeof buffer, "%s", vp_buf_text(&buf));
    vp_buf_clear(&buf);
    return buffer;
}

/* The text that our reader makes of what is written for `text`. Freed by free(). */
static char *read_back(const char *text)
{
    struct vp_error err = { 0 };
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    const char *json = written(text);
    EXPECT_OK(vp_json_parse(json, strlen(json), &SOURCE, &document, &err), &err);
    return strdup(vp_json_text(document));
}

TEST(texts_are_quoted_and_only_what_must_be_is_escaped)
{
    static const struct {
        const char *text, *json;
    } ROWS[] = {
        { "", "\"\"" },
        { NULL, "null" },
        { "null", "\"null\"" },
        { "a b", "\"a b\"" },
        { "\"", "\"\\\"\"" },
        { "\\", "\"\\\\\"" },
        { "\\\"", "\"\\\\\\\"\"" },
        { "\\u0041", "\"\\\\u0041\"" },
        { "/", "\"/\"" },
        { "</script>", "\"</script>\"" },
        { "'", "\"'\"" },
        { "\n", "\"\\u000a\"" },
        { "\x1B[31m", "\"\\u001b[31m\"" },
        { "\x7F", "\"\\u007f\"" },
        { "%s%n", "\"%s%n\"" },
        { "\xC3\xA9", "\"\xC3\xA9\"" },
        { "\xE2\x80\xA8", "\"\xE2\x80\xA8\"" },
        { "\xF4\x8F\xBF\xBF", "\"\xF4\x8F\xBF\xBF\"" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        EXPECT_TEXT(ROWS[i].json, written(ROWS[i].text));
}

TEST(every_byte_alone_reads_back_as_itself_or_as_a_replacement_character)
{
    for (int byte = 1; byte < 256; byte++) {
        const char text[] = { 'a', (char)byte, 'z', '\0' };
        char *back = read_back(text);
        EXPECT_TEXT(byte < 0x80 ? text : "a\xEF\xBF\xBDz", back);
        free(back);
    }
}

TEST(every_character_below_two_thousand_and_some_at_the_ends_read_back_as_themselves)
{
    static const unsigned ENDS[] = { 0x07FF, 0x0800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x10FFFF };
    enum { N_ENDS = sizeof ENDS / sizeof ENDS[0] };
    for (unsigned i = 1; i < 0x7FF + N_ENDS; i++) {
        unsigned c = i < 0x7FF ? i : ENDS[i - 0x7FF];
        char text[5] = { 0 };
        if (c < 0x80) {
            text[0] = (char)c;
        } else if (c < 0x800) {
            text[0] = (char)(0xC0 | c >> 6);
            text[1] = (char)(0x80 | (c & 0x3F));
        } else if (c < 0x10000) {
            text[0] = (char)(0xE0 | c >> 12);
            text[1] = (char)(0x80 | (c >> 6 & 0x3F));
            text[2] = (char)(0x80 | (c & 0x3F));
        } else {
            text[0] = (char)(0xF0 | c >> 18);
            text[1] = (char)(0x80 | (c >> 12 & 0x3F));
            text[2] = (char)(0x80 | (c >> 6 & 0x3F));
            text[3] = (char)(0x80 | (c & 0x3F));
        }
        char *back = read_back(text);
        EXPECT_TEXT(text, back);
        free(back);
    }
}

TEST(random_bytes_always_give_a_document_that_reads_back)
{
    unsigned seed = 20261124;
    for (int round = 0; round < 5000; round++) {
        char text[40] = { 0 };
        size_t len = (size_t)rand_r(&seed) % (sizeof text - 1);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(1 + rand_r(&seed) % 255);
        char *once = read_back(text);
        char *twice = read_back(once);
        EXPECT_TEXT(once, twice);
        free(once);
        free(twice);
    }
}

TEST(a_character_cut_off_at_the_end_is_not_read_past_the_end)
{
    static const char *const CUT[] = { "\xC3", "\xE2", "\xE2\x82", "\xF0", "\xF0\x9F", "\xF0\x9F\x98" };
    for (size_t i = 0; i < sizeof CUT / sizeof CUT[0]; i++) {
        char *exact = strdup(CUT[i]); /* on the heap, so that a sanitizer sees the end */
        char *back = read_back(exact);
        for (size_t at = 0; back[at] != '\0'; at += 3)
            EXPECT(strncmp(back + at, "\xEF\xBF\xBD", 3) == 0);
        free(back);
        free(exact);
    }
}

TEST(commas_stand_between_values_and_nowhere_else)
{
    struct vp_buf buf = VP_BUF_INIT(1000);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &buf);
    vp_json_open_object(&writer);
    vp_json_put_key(&writer, "empty");
    vp_json_open_object(&writer);
    vp_json_close_object(&writer);
    vp_json_put_key(&writer, "list");
    vp_json_open_array(&writer);
    vp_json_open_array(&writer);
    vp_json_close_array(&writer);
    vp_json_put_null(&writer);
    vp_json_open_object(&writer);
    vp_json_add_bool(&writer, "t", true);
    vp_json_add_bool(&writer, "f", false);
    vp_json_close_object(&writer);
    vp_json_put_text(&writer, "x");
    vp_json_put_text(&writer, NULL);
    vp_json_close_array(&writer);
    vp_json_add_text(&writer, "text", NULL);
    vp_json_add_int(&writer, "int", 0);
    vp_json_close_object(&writer);

    EXPECT_TEXT("{\"empty\":{},\"list\":[[],null,{\"t\":true,\"f\":false},\"x\",null],\"text\":null,\"int\":0}",
                vp_buf_text(&buf));
    vp_buf_clear(&buf);
}

TEST(numbers_are_written_whole_to_the_bounds)
{
    static const struct {
        int64_t number;
        const char *json;
    } ROWS[] = {
        { 0, "0" },
        { -1, "-1" },
        { 1800000000, "1800000000" },
        { INT64_MAX, "9223372036854775807" },
        { INT64_MIN, "-9223372036854775808" },
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct vp_error err = { 0 };
        struct vp_buf buf = VP_BUF_INIT(100);
        struct vp_json_writer writer;
        VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
        vp_json_begin(&writer, &buf);

        vp_json_put_int(&writer, ROWS[i].number);

        EXPECT_TEXT(ROWS[i].json, vp_buf_text(&buf));
        EXPECT_OK(vp_json_parse(vp_buf_text(&buf), buf.len, &SOURCE, &document, &err), &err);
        EXPECT(vp_json_int(document) == ROWS[i].number);
        vp_buf_clear(&buf);
    }
}

TEST(numbers_are_written_as_they_were_read)
{
    static const char TEXT[] = "[0.1,1.10,-0.0,1e400,1E+5,-1e-7,100000000000000000000.5,3.0,0.30000000000000004]";
    struct vp_error err = { 0 };
    struct vp_buf buf = VP_BUF_INIT(1000);
    struct vp_json_writer writer;
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    EXPECT_OK(vp_json_parse(TEXT, strlen(TEXT), &SOURCE, &document, &err), &err);
    vp_json_begin(&writer, &buf);
    vp_json_put_value(&writer, document);
    EXPECT_TEXT(TEXT, vp_buf_text(&buf));
    vp_buf_clear(&buf);
}

TEST(thirty_two_levels_can_be_written)
{
    struct vp_error err = { 0 };
    struct vp_buf buf = VP_BUF_INIT(1000);
    struct vp_json_writer writer;
    VP_AUTO(vp_json_freep) struct vp_json *document = NULL;
    vp_json_begin(&writer, &buf);
    for (int level = 0; level < 32; level++)
        vp_json_open_array(&writer);
    for (int level = 0; level < 32; level++)
        vp_json_close_array(&writer);
    EXPECT_INT(64, buf.len);
    EXPECT_OK(vp_json_parse(vp_buf_text(&buf), buf.len, &SOURCE, &document, &err), &err);
    vp_buf_clear(&buf);
}

TEST(a_document_that_does_not_fit_is_said_to_have_failed_at_every_length)
{
    static const size_t WHOLE = sizeof "{\"key\":[\"a\\u000ab\",-12,true]}" - 1;
    for (size_t max = 0; max <= WHOLE; max++) {
        struct vp_error err = { 0 };
        struct vp_buf buf = VP_BUF_INIT(max);
        struct vp_json_writer writer;
        vp_json_begin(&writer, &buf);
        vp_json_open_object(&writer);
        vp_json_put_key(&writer, "key");
        vp_json_open_array(&writer);
        vp_json_put_text(&writer, "a\nb");
        vp_json_put_int(&writer, -12);
        vp_json_put_bool(&writer, true);
        vp_json_close_array(&writer);
        vp_json_close_object(&writer);

        EXPECT(buf.len <= max);
        if (max == WHOLE)
            EXPECT_OK(vp_buf_check(&buf, "the document", &err), &err);
        else
            EXPECT_FAIL(VP_REASON_INTERNAL, vp_buf_check(&buf, "the document", &err), &err);
        vp_buf_clear(&buf);
    }
}

TEST(keys_are_escaped_as_texts_are)
{
    struct vp_buf buf = VP_BUF_INIT(100);
    struct vp_json_writer writer;
    vp_json_begin(&writer, &buf);
    vp_json_open_object(&writer);
    vp_json_add_int(&writer, "\"\n\xFF", 1);
    vp_json_add_int(&writer, "", 2);
    vp_json_close_object(&writer);
    EXPECT_TEXT("{\"\\\"\\u000a\xEF\xBF\xBD\":1,\"\":2}", vp_buf_text(&buf));
    vp_buf_clear(&buf);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(texts_are_quoted_and_only_what_must_be_is_escaped),
        CASE(every_byte_alone_reads_back_as_itself_or_as_a_replacement_character),
        CASE(every_character_below_two_thousand_and_some_at_the_ends_read_back_as_themselves),
        CASE(random_bytes_always_give_a_document_that_reads_back),
        CASE(a_character_cut_off_at_the_end_is_not_read_past_the_end),
        CASE(commas_stand_between_values_and_nowhere_else),
        CASE(numbers_are_written_whole_to_the_bounds),
        CASE(numbers_are_written_as_they_were_read),
        CASE(thirty_two_levels_can_be_written),
        CASE(a_document_that_does_not_fit_is_said_to_have_failed_at_every_length),
        CASE(keys_are_escaped_as_texts_are),
    };
    return cmocka_run_group_tests_name("base_json_write", cases, NULL, NULL);
}
