/* The Arvados address. curl parses an accepted value to the same https host and port, and nothing
 * else. */
#include <curl/curl.h>
#include <stdio.h>

#include "vp/http.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_origin origin = { 0 };
    char *text = fuzz_text(data, size);
    if (http_origin_parse(text, &origin, &(struct vp_error){ 0 }) == VP_OK) {
        static char url[600], port[8];
        char *seen_host = NULL, *seen_port = NULL, *none = NULL;
        CURLU *handle = curl_url();
        assert(handle != NULL && origin.port != 0 && *origin.host != '\0');
        (void)snprintf(url, sizeof url, "https://%s:%u", origin.host, (unsigned)origin.port);
        (void)snprintf(port, sizeof port, "%u", (unsigned)origin.port);
        assert(curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK);
        assert(curl_url_get(handle, CURLUPART_HOST, &seen_host, 0) == CURLUE_OK);
        assert(curl_url_get(handle, CURLUPART_PORT, &seen_port, 0) == CURLUE_OK);
        assert(*seen_host == '[' || strcmp(seen_host, origin.host) == 0);
        assert(strcmp(seen_port, port) == 0);
        assert(curl_url_get(handle, CURLUPART_USER, &none, 0) != CURLUE_OK);
        assert(curl_url_get(handle, CURLUPART_QUERY, &none, 0) != CURLUE_OK);
        assert(curl_url_get(handle, CURLUPART_FRAGMENT, &none, 0) != CURLUE_OK);
        curl_free(seen_host);
        curl_free(seen_port);
        curl_url_cleanup(handle);
    }
    free(text);
    return 0;
}
