/* Unit tests of the centre's folder: what init writes, and what it refuses. */
#include "aggregator/auth/keys.h"

#include "aggregator/auth/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const NAMES[] = {"centre.example.org", "192.0.2.1", "2001:db8::1"};

struct scene {
    char root[64];
    char dir[80];
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int open_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    (void)snprintf(s->root, sizeof s->root, "/tmp/picket-keys-XXXXXX");
    assert_non_null(mkdtemp(s->root));
    (void)snprintf(s->dir, sizeof s->dir, "%s/centre", s->root);
    *state = s;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *s = *state;
    assert_int_equal(nftw(s->root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(s);
    return 0;
}

static struct keys_plan plan_of(const struct scene *s)
{
    return (struct keys_plan){.dir = s->dir, .names = NAMES, .name_count = 3};
}

static int check_mode(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)at;
    if ((st->st_mode & 0777) != (type == FTW_F ? 0600 : 0700)) {
        print_error("%s has mode %o\n", path, st->st_mode & 0777);
        return 1;
    }
    return 0;
}

static void nothing_in_the_folder_may_be_read_by_others(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct keys_plan plan = plan_of(s);
    assert_int_equal(keys_init(&plan, &e), 0);
    assert_int_equal(nftw(s->dir, check_mode, 8, FTW_PHYS), 0);
}

static void keys_are_never_written_over(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct keys_plan plan = plan_of(s);
    struct keys before, after;
    assert_int_equal(keys_init(&plan, &e), 0);
    assert_int_equal(keys_load(&before, s->dir, &e), 0);
    assert_int_equal(keys_init(&plan, &e), -1);
    assert_non_null(strstr(e.what, "holds keys already"));
    assert_int_equal(keys_load(&after, s->dir, &e), 0);
    assert_memory_equal(&before, &after, sizeof before);
    keys_done(&before);
    keys_done(&after);
}

static X509 *certificate_of(const struct scene *s, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", s->dir, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    X509 *cert = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    assert_non_null(cert);
    return cert;
}

static void the_servers_certificate_is_for_its_names_and_from_our_authority(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct keys_plan plan = plan_of(s);
    assert_int_equal(keys_init(&plan, &e), 0);
    X509 *ca = certificate_of(s, "ca.pem"), *server = certificate_of(s, "server.pem");
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_add_cert(store, ca), 1);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, server, NULL), 1);
    assert_int_equal(X509_verify_cert(ctx), 1);
    assert_int_equal(X509_check_host(server, "centre.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(server, "192.0.2.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(server, "2001:db8::1", 0), 1);
    assert_int_equal(X509_check_host(server, "other.example.org", 0, 0, NULL), 0);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(server);
    X509_free(ca);
}

static void a_name_that_could_smuggle_another_is_refused(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    static const char *const smuggled[] = {"a,DNS:evil"};
    struct keys_plan plan = {.dir = s->dir, .names = smuggled, .name_count = 1};
    assert_int_equal(keys_init(&plan, &e), -1);
    assert_non_null(strstr(e.what, "neither a host name nor an address"));
}

static void a_certificate_is_renewed_for_the_names_that_it_has(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct keys_plan plan = plan_of(s);
    assert_int_equal(keys_init(&plan, &e), 0);
    X509 *before = certificate_of(s, "server.pem");
    assert_int_equal(certificate_issue(s->dir, "server", NULL, 0, &e), 0);
    X509 *after = certificate_of(s, "server.pem"), *ca = certificate_of(s, "ca.pem");
    assert_int_not_equal(X509_cmp(before, after), 0);
    assert_int_equal(X509_verify(after, X509_get0_pubkey(ca)), 1);
    assert_int_equal(X509_check_host(after, "centre.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(after, "2001:db8::1", 0), 1);
    assert_int_equal(nftw(s->dir, check_mode, 8, FTW_PHYS), 0);
    X509_free(before);
    X509_free(after);
    X509_free(ca);
}

static void another_server_gets_a_certificate_of_its_own(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct keys_plan plan = plan_of(s);
    static const char *const names[] = {"database.example.org", "10.0.0.5"};
    struct certificate_facts facts;
    char path[128];
    assert_int_equal(keys_init(&plan, &e), 0);
    assert_int_equal(certificate_issue(s->dir, "postgres", names, 2, &e), 0);
    (void)snprintf(path, sizeof path, "%s/postgres.pem", s->dir);
    assert_int_equal(certificate_facts(path, &facts, &e), 0);
    assert_string_equal(facts.names, "database.example.org 10.0.0.5");
}

static void the_authority_is_never_issued_over(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct keys_plan plan = plan_of(s);
    static const char *const stems[] = {"ca", "", "../server", "a/b"};
    assert_int_equal(keys_init(&plan, &e), 0);
    for (size_t i = 0; i < sizeof stems / sizeof stems[0]; i++) {
        assert_int_equal(certificate_issue(s->dir, stems[i], NAMES, 3, &e), -1);
        assert_non_null(strstr(e.what, "cannot name a certificate"));
    }
}

static void without_names_old_or_new_there_is_no_certificate(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct keys_plan plan = plan_of(s);
    assert_int_equal(keys_init(&plan, &e), 0);
    assert_int_equal(certificate_issue(s->dir, "postgres", NULL, 0, &e), -1);
    assert_non_null(strstr(e.what, "--name HOST"));
}

static void a_half_empty_folder_names_what_is_missing(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct keys_plan plan = plan_of(s);
    struct keys keys;
    char path[128];
    assert_int_equal(keys_init(&plan, &e), 0);
    (void)snprintf(path, sizeof path, "%s/enrol.nk", s->dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(keys_load(&keys, s->dir, &e), -1);
    assert_non_null(strstr(e.what, "enrol.nk"));
}

static void the_operators_own_key_may_be_taken_away(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct keys_plan plan = plan_of(s);
    struct keys keys;
    char path[128], account[8192];
    assert_int_equal(keys_init(&plan, &e), 0);
    (void)snprintf(path, sizeof path, "%s/operator.nk", s->dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(keys_load(&keys, s->dir, &e), 0);
    assert_int_equal(keys_account_jwt(&keys, "{\"U1\": 1}", account, sizeof account, &e), 0);
    keys_done(&keys);
}

static void the_servers_refusal_of_an_account_is_told(void **state)
{
    (void)state;
    struct err e = {0};
    const char *yes = "{\"server\":{},\"data\":{\"account\":\"A1\",\"code\":200,\"message\":\"\"}}";
    const char *no = "{\"error\":{\"account\":\"A1\",\"code\":500,\"description\":\"bad claim\"}}";
    assert_int_equal(keys_update_check(yes, strlen(yes), &e), 0);
    assert_int_equal(keys_update_check(no, strlen(no), &e), -1);
    assert_non_null(strstr(e.what, "bad claim"));
    assert_int_equal(keys_update_check("", 0, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SCENE(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)
        SCENE(nothing_in_the_folder_may_be_read_by_others),
        SCENE(keys_are_never_written_over),
        SCENE(the_servers_certificate_is_for_its_names_and_from_our_authority),
        SCENE(a_name_that_could_smuggle_another_is_refused),
        SCENE(a_certificate_is_renewed_for_the_names_that_it_has),
        SCENE(another_server_gets_a_certificate_of_its_own),
        SCENE(the_authority_is_never_issued_over),
        SCENE(without_names_old_or_new_there_is_no_certificate),
        SCENE(a_half_empty_folder_names_what_is_missing),
        SCENE(the_operators_own_key_may_be_taken_away),
        SCENE(the_servers_refusal_of_an_account_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
