/* libcurl's part of failing.h, for programs that link the http room. */
#include <curl/curl.h>
#include <stdarg.h>

#include "failing.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo

/* One argument of the size of a register, whatever its type: so it is on the machines that we build for. */
#define WRAPPED_ONE_MORE(symbol, second)                                                             \
    CURLcode __real_##symbol(CURL *easy, second option, ...);                                        \
    CURLcode __wrap_##symbol(CURL *easy, second option, ...);                                        \
    CURLcode __wrap_##symbol(CURL *easy, second option, ...)                                         \
    {                                                                                                \
        va_list arguments;                                                                           \
        va_start(arguments, option);                                                                 \
        void *argument = va_arg(arguments, void *);                                                  \
        va_end(arguments);                                                                           \
        return failing_hit(#symbol) ? CURLE_OUT_OF_MEMORY : __real_##symbol(easy, option, argument); \
    }

#define WRAPPED(type, symbol, parameters, arguments, failure)                \
    type __real_##symbol parameters;                                         \
    type __wrap_##symbol parameters;                                         \
    type __wrap_##symbol parameters                                          \
    {                                                                        \
        return failing_hit(#symbol) ? (failure) : __real_##symbol arguments; \
    }

WRAPPED_ONE_MORE(curl_easy_setopt, CURLoption)
WRAPPED_ONE_MORE(curl_easy_getinfo, CURLINFO)
WRAPPED(CURL *, curl_easy_init, (void), (), NULL)
WRAPPED(CURLM *, curl_multi_init, (void), (), NULL)
WRAPPED(struct curl_slist *, curl_slist_append, (struct curl_slist * list, const char *text), (list, text), NULL)
WRAPPED(CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL *easy), (multi, easy), CURLM_OUT_OF_MEMORY)
WRAPPED(CURLMcode, curl_multi_wakeup, (CURLM * multi), (multi), CURLM_WAKEUP_FAILURE)
