#include "utf8.h"

size_t vp_utf8_len(const char *at, size_t left)
{
    static const struct {
        unsigned char lead_min, lead_max, second_min, second_max;
        size_t len;
    } FORMS[] = {
        { 0x01, 0x7F, 0, 0, 1 },       { 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 },
        { 0xE1, 0xEC, 0x80, 0xBF, 3 }, { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 },
        { 0xF0, 0xF0, 0x90, 0xBF, 4 }, { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
    };
    const unsigned char *bytes = (const unsigned char *)at;
    for (size_t i = 0; left > 0 && i < sizeof FORMS / sizeof FORMS[0]; i++) {
        if (bytes[0] < FORMS[i].lead_min || bytes[0] > FORMS[i].lead_max)
            continue;
        if (FORMS[i].len > left)
            return 0;
        if (FORMS[i].len > 1 && (bytes[1] < FORMS[i].second_min || bytes[1] > FORMS[i].second_max))
            return 0;
        for (size_t j = 2; j < FORMS[i].len; j++)
            if (bytes[j] < 0x80 || bytes[j] > 0xBF)
                return 0;
        return FORMS[i].len;
    }
    return 0;
}
