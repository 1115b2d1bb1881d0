/* What recipients get to read, and what may be a recipient. */
#include "aggregator/notify/fanout.h"
#include "aggregator/notify/message.h"
#include "aggregator/notify/send.h"
#include "aggregator/store/recipient.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct notice make_notice(unsigned kind, bool ended)
{
    return (struct notice){
        .alert_id = 7,
        .ended = ended,
        .kind = alert_kind_find(kind),
        .score = 100,
        .instance = "pisa-1",
        .site = "pisa",
        .entity = "host",
        .entity_id = "10.0.0.9",
        .key = "",
        .first_ms = 1764072000000,
        .last_ms = 1764072000000,
        .released_ms = ended ? 1764075600000 : 0,
        .count = 1,
        .client = "",
        .server = "",
        .app = "",
        .host = "",
        .detail = "60 ports in 2 s",
    };
}

static void a_subject_names_severity_alert_and_place(void **state)
{
    (void)state;
    char subject[MESSAGE_SUBJECT_SIZE];
    struct notice one = make_notice(6, false);
    struct message message = {.key = "k", .console_url = "", .notices = &one, .count = 1};
    message_subject(&message, subject);
    assert_string_equal(subject, "Picket: Error: Self-signed TLS certificate, pisa-1");
    one.ended = true;
    one.instance = "";
    message_subject(&message, subject);
    assert_string_equal(subject, "Picket: Over: Self-signed TLS certificate, the centre");
}

static void a_digest_counts_by_severity_and_lists_the_first_fifty(void **state)
{
    (void)state;
    struct notice notices[60];
    for (int i = 0; i < 60; i++) {
        notices[i] = make_notice(i == 59 ? 1 : 6, false);
    }
    struct message message = {.key = "k", .console_url = "", .notices = notices, .count = 60};
    char subject[MESSAGE_SUBJECT_SIZE];
    message_subject(&message, subject);
    assert_string_equal(subject, "Picket: 60 changes of alerts: 1 critical, 59 error");
    char *text = message_text(&message);
    assert_non_null(strstr(text, "And 10 more, which the console lists."));
    free(text);
}

static void the_body_of_a_webhook_is_the_documented_json(void **state)
{
    (void)state;
    struct notice one = make_notice(6, true);
    struct message message = {.key = "uuid",
                              .made_ms = 5,
                              .console_url = "https://c.example",
                              .notices = &one,
                              .count = 1};
    char *text = message_json(&message);
    json_t *body = json_loads(text, 0, NULL);
    const json_t *alert = json_array_get(json_object_get(body, "alerts"), 0);
    assert_string_equal(json_string_value(json_object_get(body, "delivery")), "uuid");
    assert_true(json_is_false(json_object_get(body, "test")));
    assert_string_equal(json_string_value(json_object_get(alert, "change")), "ended");
    assert_int_equal(json_integer_value(json_object_get(alert, "released_ms")), 1764075600000);
    assert_string_equal(json_string_value(json_object_get(alert, "url")),
                        "https://c.example/alerts?id=7");
    json_decref(body);
    free(text);
}

static void an_e_mail_has_the_same_head_on_every_try(void **state)
{
    (void)state;
    const struct mail mail = {.key = "abc",
                              .from = "picket@centre.example",
                              .to = "noc@site.example",
                              .subject = "Prüfung",
                              .text = "Hallo\n",
                              .made_ms = 1764072000000};
    char *text = mail_compose(&mail);
    assert_string_equal(text, "Date: Tue, 25 Nov 2025 12:00:00 +0000\r\n"
                              "From: Picket <picket@centre.example>\r\n"
                              "To: <noc@site.example>\r\n"
                              "Message-ID: <abc@centre.example>\r\n"
                              "Subject: =?UTF-8?B?UHLDvGZ1bmc=?=\r\n"
                              "Auto-Submitted: auto-generated\r\n"
                              "MIME-Version: 1.0\r\n"
                              "Content-Type: text/plain; charset=utf-8\r\n"
                              "Content-Transfer-Encoding: base64\r\n\r\n"
                              "SGFsbG8K\r\n");
    free(text);
}

static void a_long_subject_is_folded_between_characters(void **state)
{
    (void)state;
    char subject[121];
    for (int i = 0; i < 120; i += 2) {
        memcpy(subject + i, "\xc3\xbc", 3);
    }
    const struct mail mail = {
        .key = "k", .from = "a@b", .to = "c@d", .subject = subject, .text = "x"};
    char *text = mail_compose(&mail);
    unsigned words = 0;
    for (const char *at = text; (at = strstr(at, "=?UTF-8?B?")) != NULL; at++) {
        const char *end = strstr(at, "?=");
        assert_true(end - at <= 73); /* RFC 2047, 2: 75 with the end */
        /* Whole characters of two bytes: 44 of them make 60 characters of base64 without '='
         * in the middle of a character. */
        words++;
    }
    assert_int_equal(words, 3);
    free(text);
}

static void an_address_cannot_smuggle_in_a_header(void **state)
{
    (void)state;
    const struct mail mail = {
        .key = "k", .from = "a@b", .to = "c@d>\r\nBcc: <e@f", .subject = "s", .text = "t"};
    assert_null(mail_compose(&mail));
    assert_true(recipient_email_is_valid("noc+night@site.example"));
    static const char *const bad[] = {"",      "a",     "@b",    "a@",      "a@b@c", "a b@c",
                                      "a@b,c", "<a@b>", "a@b\n", "\"a\"@b", "-a@b",  "ä@b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(recipient_email_is_valid(bad[i]));
    }
}

static void only_http_with_a_host_and_without_a_user_is_a_webhook(void **state)
{
    (void)state;
    static const char *const good[] = {"http://10.0.0.1:8080/x", "https://hooks.example/a?b=c@d",
                                       "http://[::1]/"};
    static const char *const bad[] = {"ftp://x/",        "http://",       "https:///x",
                                      "http://u:p@h/",   "http://a b/",   "file:///etc/passwd",
                                      "http://h/\r\nX:", "HTTP://upper/", "http://:80/"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(recipient_url_is_valid(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(recipient_url_is_valid(bad[i]));
    }
}

static void a_signature_is_hmac_sha256_over_stamp_and_body(void **state)
{
    (void)state;
    char signature[SEND_SIGNATURE_SIZE];
    send_signature("a key that signs", 1764072000, "{\"v\":1}", signature);
    assert_string_equal(signature,
                        "t=1764072000,v1="
                        "7f966e4c9d6a221cb6ee8bb5ed5125d9b0b6c2b38d05935fad063f9cbf5498d2");
}

static void a_wish_is_severity_family_site_and_recovery(void **state)
{
    (void)state;
    const struct alert_kind_info *kind = alert_kind_find(6); /* tls, error */
    struct wish wish = {.min_severity = "error", .families = "", .sites = "", .recovery = true};
    assert_true(wish_matches(&wish, kind, "pisa", false));
    assert_true(wish_matches(&wish, kind, "", true));
    wish.recovery = false;
    assert_false(wish_matches(&wish, kind, "pisa", true));
    wish.min_severity = "critical";
    assert_false(wish_matches(&wish, kind, "pisa", false));
    wish.min_severity = "info";
    wish.families = "scan,tlsx,tls";
    assert_true(wish_matches(&wish, kind, "pisa", false));
    wish.families = "scan,tlsx";
    assert_false(wish_matches(&wish, kind, "pisa", false));
    wish.families = "";
    wish.sites = "lucca,siena";
    assert_false(wish_matches(&wish, kind, "pisa", false));
    assert_false(wish_matches(&wish, kind, "", false));
    assert_true(wish_matches(&wish, kind, "siena", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subject_names_severity_alert_and_place),
        cmocka_unit_test(a_digest_counts_by_severity_and_lists_the_first_fifty),
        cmocka_unit_test(the_body_of_a_webhook_is_the_documented_json),
        cmocka_unit_test(an_e_mail_has_the_same_head_on_every_try),
        cmocka_unit_test(a_long_subject_is_folded_between_characters),
        cmocka_unit_test(an_address_cannot_smuggle_in_a_header),
        cmocka_unit_test(only_http_with_a_host_and_without_a_user_is_a_webhook),
        cmocka_unit_test(a_signature_is_hmac_sha256_over_stamp_and_body),
        cmocka_unit_test(a_wish_is_severity_family_site_and_recovery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
