/* libcurl's easy interface, one handle a message. */
#include "aggregator/notify/send.h"

#include "common/version.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { URL_SIZE = 320, HEADER_SIZE = 160, ANSWER_MAX = 64 * 1024 };

int send_init(struct err *e)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || sodium_init() < 0) {
        return err_set(e, ERR_IO, "libcurl or libsodium cannot start");
    }
    return 0;
}

static int on_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
                       curl_off_t ulnow)
{
    const struct sender *sender = arg;
    (void)dltotal;
    (void)dlnow;
    (void)ultotal;
    (void)ulnow;
    return atomic_load(sender->stopping);
}

/* Counts what comes and forgets it; too much ends the transfer. */
static size_t on_answer(char *bytes, size_t size, size_t count, void *arg)
{
    size_t *total = arg;
    (void)bytes;
    *total += size * count;
    return *total <= ANSWER_MAX ? size * count : 0;
}

struct upload {
    const char *at;
    size_t left;
};

static size_t on_upload(char *buf, size_t size, size_t count, void *arg)
{
    struct upload *upload = arg;
    size_t room = size * count;
    size_t part = upload->left < room ? upload->left : room;
    memcpy(buf, upload->at, part);
    upload->at += part;
    upload->left -= part;
    return part;
}

/* What all transfers have in common. These options fail only without memory, which the transfer
 * then tells. */
static CURL *open_handle(const struct sender *sender, const char *url, char *words, size_t *answer)
{
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        return NULL;
    }
    words[0] = '\0';
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)SEND_CONNECT_S);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)SEND_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, sender);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (sender->ca_file != NULL && sender->ca_file[0] != '\0') {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, sender->ca_file);
    }
    return curl;
}

static int run(CURL *curl, const char *words, struct err *e)
{
    enum { REFUSED = 400 }; /* of SMTP, from here on */
    long status = 0;
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK) {
        return 0;
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status); /* 0: there was none */
    (void)err_set(e, code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_REMOTE, "%s",
                  words[0] != '\0' ? words : curl_easy_strerror(code));
    return status >= REFUSED ? err_wrap(e, "answered with %ld", status) : -1;
}

static void set_mail(CURL *curl, const struct send_mail *mail, struct upload *upload,
                     struct curl_slist *to)
{
    if (strcmp(mail->security, "none") != 0) {
        (void)curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
    }
    if (mail->login[0] != '\0') {
        (void)curl_easy_setopt(curl, CURLOPT_USERNAME, mail->login);
        (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, mail->password);
    }
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void)curl_easy_setopt(curl, CURLOPT_MAIL_FROM, mail->from);
    (void)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_upload);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, upload);
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
}

int send_mail(const struct sender *sender, const struct send_mail *mail, struct err *e)
{
    char url[URL_SIZE];
    char words[CURL_ERROR_SIZE];
    size_t answer = 0;
    struct upload upload = {.at = mail->message, .left = strlen(mail->message)};
    bool bare_ipv6 = strchr(mail->host, ':') != NULL;
    int len = snprintf(url, sizeof url, "%s://%s%s%s:%d",
                       strcmp(mail->security, "tls") == 0 ? "smtps" : "smtp", bare_ipv6 ? "[" : "",
                       mail->host, bare_ipv6 ? "]" : "", mail->port);
    if (len < 0 || (size_t)len >= sizeof url) {
        return err_set(e, ERR_ARG, "the mail server's name is too long");
    }
    CURL *curl = open_handle(sender, url, words, &answer);
    struct curl_slist *to = curl_slist_append(NULL, mail->to);
    int result = -1;
    if (curl == NULL || to == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory to send an e-mail");
    } else {
        set_mail(curl, mail, &upload, to);
        result = run(curl, words, e);
    }
    curl_slist_free_all(to);
    curl_easy_cleanup(curl);
    return result;
}

void send_signature(const char *secret, uint64_t now_s, const char *body,
                    char signature[SEND_SIGNATURE_SIZE])
{
    char stamp[32];
    char hex[2 * crypto_auth_hmacsha256_BYTES + 1];
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    (void)snprintf(stamp, sizeof stamp, "%" PRIu64 ".", now_s); /* 21 characters at most */
    /* None of these can fail. */
    (void)crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)stamp, strlen(stamp));
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)body, strlen(body));
    (void)crypto_auth_hmacsha256_final(&state, mac);
    explicit_bzero(&state, sizeof state);
    (void)snprintf(signature, SEND_SIGNATURE_SIZE, "t=%" PRIu64 ",v1=%s", now_s,
                   sodium_bin2hex(hex, sizeof hex, mac, sizeof mac)); /* fits */
}

/* Adds a header; NULL when memory is short, and the list is freed. */
static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    char line[HEADER_SIZE];
    (void)snprintf(line, sizeof line, "%s: %s", name, value); /* our own short words */
    struct curl_slist *longer = curl_slist_append(list, line);
    if (longer == NULL) {
        curl_slist_free_all(list);
    }
    return longer;
}

static struct curl_slist *hook_headers(const struct send_hook *hook)
{
    char signature[SEND_SIGNATURE_SIZE];
    struct curl_slist *list = add_header(NULL, "Content-Type", "application/json");
    list = list != NULL ? add_header(list, "Expect", "") : NULL;
    list = list != NULL ? add_header(list, "X-Picket-Delivery", hook->key) : NULL;
    if (list != NULL && hook->secret[0] != '\0') {
        send_signature(hook->secret, hook->now_s, hook->body, signature);
        list = add_header(list, "X-Picket-Signature", signature);
    }
    return list;
}

static int check_status(CURL *curl, struct err *e)
{
    long status = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) {
        return 0;
    }
    return err_set(e, ERR_REMOTE, "answered with HTTP %ld%s", status,
                   status >= 300 && status < 400 ? "; redirects are not followed" : "");
}

int send_hook(const struct sender *sender, const struct send_hook *hook, struct err *e)
{
    char words[CURL_ERROR_SIZE];
    size_t answer = 0;
    CURL *curl = open_handle(sender, hook->url, words, &answer);
    struct curl_slist *headers = hook_headers(hook);
    int result = -1;
    if (curl == NULL || headers == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory to call a webhook");
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "Picket/" PICKET_VERSION);
        (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, hook->body);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(hook->body));
        result = run(curl, words, e) == 0 ? check_status(curl, e) : -1;
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return result;
}
