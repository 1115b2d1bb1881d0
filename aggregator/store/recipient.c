/* Stricter than the RFCs: no quoted local parts, no comments, ASCII only. */
#include "aggregator/store/recipient.h"

#include <string.h>

bool recipient_email_is_valid(const char *address)
{
    size_t len = strlen(address);
    const char *at = strchr(address, '@');
    if (len > RECIPIENT_EMAIL_MAX || at == NULL || at == address || at[1] == '\0' ||
        strchr(at + 1, '@') != NULL || address[0] == '-') {
        return false;
    }
    for (const char *c = address; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr("<>()[],;:\\\"", *c)) {
            return false;
        }
    }
    return true;
}

bool recipient_url_is_valid(const char *url)
{
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    size_t host = strcspn(url + scheme, "/?#");
    if (scheme == 0 || host == 0 || strlen(url) > RECIPIENT_URL_MAX ||
        memchr(url + scheme, '@', host) != NULL || url[scheme] == ':') {
        return false;
    }
    for (const char *c = url; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f) {
            return false;
        }
    }
    return true;
}
