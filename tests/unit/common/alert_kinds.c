/* Unit tests of common/alert_kinds: what every row of the catalogue has to keep. */
#include "common/alert_kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <ndpi_api.h>
#include <regex.h>
#include <stdbool.h>
#include <string.h>

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static void ids_rise_from_row_to_row(void **state)
{
    (void)state;
    unsigned before = 0;
    for (size_t i = 0; i < alert_kind_count(); i++) {
        const struct alert_kind_info *kind = alert_kind_at(i);
        assert_true(kind->id > before);
        before = kind->id;
    }
    assert_true(before > 0);
}

static void every_kind_is_found_by_its_id_and_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < alert_kind_count(); i++) {
        const struct alert_kind_info *kind = alert_kind_at(i);
        assert_ptr_equal(alert_kind_find(kind->id), kind);
        assert_ptr_equal(alert_kind_by_name(kind->name), kind);
    }
}

static void what_is_not_in_the_catalogue_is_not_found(void **state)
{
    (void)state;
    assert_null(alert_kind_find(0));
    assert_null(alert_kind_find(65535));
    assert_null(alert_kind_by_name(""));
    assert_null(alert_kind_by_name("ndpi"));
    assert_null(alert_kind_at(alert_kind_count()));
}

static void names_are_lower_snake_and_families_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < alert_kind_count(); i++) {
        const struct alert_kind_info *kind = alert_kind_at(i);
        assert_true(matches(kind->name, "^[a-z][a-z0-9]*(_[a-z0-9]+)*$"));
        assert_true(matches(kind->family, "^[a-z][a-z0-9_]*$"));
    }
}

static void a_person_can_read_every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < alert_kind_count(); i++) {
        const struct alert_kind_info *kind = alert_kind_at(i);
        assert_true(strlen(kind->title) > 0 && strlen(kind->title) <= 48);
        assert_true(isupper((unsigned char)kind->title[0]));
        assert_true(matches(kind->meaning, "^[A-Z].{20,}\\.$"));
        assert_true(matches(kind->remedy, "^[A-Z].{20,}\\.$"));
    }
}

static void attack_numbers_have_their_form_and_come_in_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < alert_kind_count(); i++) {
        const struct alert_kind_info *kind = alert_kind_at(i);
        assert_true(matches(kind->technique, "^(T[0-9]{4}(\\.[0-9]{3})?)?$"));
        assert_true(matches(kind->tactic, "^(TA[0-9]{4})?$"));
        assert_int_equal(kind->technique[0] == '\0', kind->tactic[0] == '\0');
    }
}

/* Where the score puts a kind: below 10 info, 50 notice, 100 warning, 150 error, 250 critical. */
static enum alert_severity severity_of_score(unsigned score)
{
    static const unsigned bounds[] = {10, 50, 100, 150, 250};
    unsigned severity = 0;
    while (severity < sizeof bounds / sizeof bounds[0] && score >= bounds[severity]) {
        severity++;
    }
    return (enum alert_severity)severity;
}

static void score_and_severity_say_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < alert_kind_count(); i++) {
        const struct alert_kind_info *kind = alert_kind_at(i);
        assert_in_range(kind->score, 1, 250);
        assert_int_equal(kind->severity, severity_of_score(kind->score));
    }
}

static void every_risk_of_ndpi_has_a_kind(void **state)
{
    (void)state;
    for (unsigned risk = 1; risk <= 41; risk++) {
        const struct alert_kind_info *kind = alert_kind_find(risk);
        assert_non_null(kind);
        assert_memory_equal(kind->name, "ndpi_", 5);
    }
}

/* Risk 28 is left out: later nDPI calls it by another name. Its neighbours pin its place. */
static void a_risk_and_its_kind_have_the_same_number(void **state)
{
    (void)state;
    const struct {
        const char *name;
        unsigned risk;
    } risks[] = {
#define RISK(NAME, name) {#name, NAME}
        RISK(NDPI_URL_POSSIBLE_XSS, ndpi_url_possible_xss),
        RISK(NDPI_URL_POSSIBLE_SQL_INJECTION, ndpi_url_possible_sql_injection),
        RISK(NDPI_URL_POSSIBLE_RCE_INJECTION, ndpi_url_possible_rce_injection),
        RISK(NDPI_BINARY_APPLICATION_TRANSFER, ndpi_binary_application_transfer),
        RISK(NDPI_KNOWN_PROTOCOL_ON_NON_STANDARD_PORT, ndpi_known_protocol_on_non_standard_port),
        RISK(NDPI_TLS_SELFSIGNED_CERTIFICATE, ndpi_tls_selfsigned_certificate),
        RISK(NDPI_TLS_OBSOLETE_VERSION, ndpi_tls_obsolete_version),
        RISK(NDPI_TLS_WEAK_CIPHER, ndpi_tls_weak_cipher),
        RISK(NDPI_TLS_CERTIFICATE_EXPIRED, ndpi_tls_certificate_expired),
        RISK(NDPI_TLS_CERTIFICATE_MISMATCH, ndpi_tls_certificate_mismatch),
        RISK(NDPI_HTTP_SUSPICIOUS_USER_AGENT, ndpi_http_suspicious_user_agent),
        RISK(NDPI_HTTP_NUMERIC_IP_HOST, ndpi_http_numeric_ip_host),
        RISK(NDPI_HTTP_SUSPICIOUS_URL, ndpi_http_suspicious_url),
        RISK(NDPI_HTTP_SUSPICIOUS_HEADER, ndpi_http_suspicious_header),
        RISK(NDPI_TLS_NOT_CARRYING_HTTPS, ndpi_tls_not_carrying_https),
        RISK(NDPI_SUSPICIOUS_DGA_DOMAIN, ndpi_suspicious_dga_domain),
        RISK(NDPI_MALFORMED_PACKET, ndpi_malformed_packet),
        RISK(NDPI_SSH_OBSOLETE_CLIENT_VERSION_OR_CIPHER,
             ndpi_ssh_obsolete_client_version_or_cipher),
        RISK(NDPI_SSH_OBSOLETE_SERVER_VERSION_OR_CIPHER,
             ndpi_ssh_obsolete_server_version_or_cipher),
        RISK(NDPI_SMB_INSECURE_VERSION, ndpi_smb_insecure_version),
        RISK(NDPI_TLS_SUSPICIOUS_ESNI_USAGE, ndpi_tls_suspicious_esni_usage),
        RISK(NDPI_UNSAFE_PROTOCOL, ndpi_unsafe_protocol),
        RISK(NDPI_DNS_SUSPICIOUS_TRAFFIC, ndpi_dns_suspicious_traffic),
        RISK(NDPI_TLS_MISSING_SNI, ndpi_tls_missing_sni),
        RISK(NDPI_HTTP_SUSPICIOUS_CONTENT, ndpi_http_suspicious_content),
        RISK(NDPI_RISKY_ASN, ndpi_risky_asn),
        RISK(NDPI_RISKY_DOMAIN, ndpi_risky_domain),
        RISK(NDPI_MALICIOUS_SHA1_CERTIFICATE, ndpi_malicious_sha1_certificate),
        RISK(NDPI_DESKTOP_OR_FILE_SHARING_SESSION, ndpi_desktop_or_file_sharing_session),
        RISK(NDPI_TLS_UNCOMMON_ALPN, ndpi_tls_uncommon_alpn),
        RISK(NDPI_TLS_CERT_VALIDITY_TOO_LONG, ndpi_tls_cert_validity_too_long),
        RISK(NDPI_TLS_SUSPICIOUS_EXTENSION, ndpi_tls_suspicious_extension),
        RISK(NDPI_TLS_FATAL_ALERT, ndpi_tls_fatal_alert),
        RISK(NDPI_SUSPICIOUS_ENTROPY, ndpi_suspicious_entropy),
        RISK(NDPI_CLEAR_TEXT_CREDENTIALS, ndpi_clear_text_credentials),
        RISK(NDPI_DNS_LARGE_PACKET, ndpi_dns_large_packet),
        RISK(NDPI_DNS_FRAGMENTED, ndpi_dns_fragmented),
        RISK(NDPI_INVALID_CHARACTERS, ndpi_invalid_characters),
        RISK(NDPI_POSSIBLE_EXPLOIT, ndpi_possible_exploit),
        RISK(NDPI_TLS_CERTIFICATE_ABOUT_TO_EXPIRE, ndpi_tls_certificate_about_to_expire),
#undef RISK
    };
    for (size_t i = 0; i < sizeof risks / sizeof risks[0]; i++) {
        assert_string_equal(alert_kind_find(risks[i].risk)->name, risks[i].name);
    }
}

static void every_severity_has_its_word(void **state)
{
    (void)state;
    assert_string_equal(alert_severity_name(ALERT_SEVERITY_INFO), "info");
    assert_string_equal(alert_severity_name(ALERT_SEVERITY_NOTICE), "notice");
    assert_string_equal(alert_severity_name(ALERT_SEVERITY_WARNING), "warning");
    assert_string_equal(alert_severity_name(ALERT_SEVERITY_ERROR), "error");
    assert_string_equal(alert_severity_name(ALERT_SEVERITY_CRITICAL), "critical");
    assert_string_equal(alert_severity_name(ALERT_SEVERITY_EMERGENCY), "emergency");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_rise_from_row_to_row),
        cmocka_unit_test(every_kind_is_found_by_its_id_and_its_name),
        cmocka_unit_test(what_is_not_in_the_catalogue_is_not_found),
        cmocka_unit_test(names_are_lower_snake_and_families_words),
        cmocka_unit_test(a_person_can_read_every_kind),
        cmocka_unit_test(attack_numbers_have_their_form_and_come_in_pairs),
        cmocka_unit_test(score_and_severity_say_the_same),
        cmocka_unit_test(every_risk_of_ndpi_has_a_kind),
        cmocka_unit_test(a_risk_and_its_kind_have_the_same_number),
        cmocka_unit_test(every_severity_has_its_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
