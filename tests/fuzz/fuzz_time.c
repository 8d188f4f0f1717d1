/* A timestamp. Parsing, formatting and parsing it again returns the same second. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vp/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    assert(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    int64_t seconds = 0;
    if (vp_time_parse(text, &seconds)) {
        char written[VP_TIME_TEXT_SIZE];
        int64_t again = 0;
        vp_time_format(seconds, written);
        /* A zone can move the first and the last day out of the years that are written. */
        assert(written[0] == '\0' || (vp_time_parse(written, &again) && again == seconds));
    }
    free(text);
    return 0;
}
