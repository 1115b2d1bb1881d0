/* Unit tests of the configuration that the centre sends: what is taken over, refused and kept. */
#include "agent/uplink/remote_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/creds.h"
#include "common/encode.h"

struct scene {
    char dir[64];
    struct nkey centre;
    char key[NKEY_TEXT_SIZE];
    char got[256]; /* names of the items that the consumer got last */
    bool unwilling;
    unsigned times;
    struct config_consumer consumer;
    struct remote_config *rc;
};

static int take(const json_t *items, void *arg, struct err *e)
{
    struct scene *s = arg;
    if (s->unwilling && json_array_size(items) > 1) {
        return err_set(e, ERR_FULL, "only one rule fits");
    }
    s->times++;
    s->got[0] = '\0';
    for (size_t i = 0; i < json_array_size(items); i++) {
        size_t used = strlen(s->got);
        (void)snprintf(s->got + used, sizeof s->got - used, "%s ",
                       json_string_value(json_object_get(json_array_get(items, i), "name")));
    }
    return 0;
}

static void open_config(struct scene *s)
{
    struct err e = {0};
    struct remote_config_options options = {
        .dir = s->dir, .name = "rome", .consumers = &s->consumer, .consumer_count = 1};
    s->rc = remote_config_open(&options, s->key, &e);
    assert_non_null(s->rc);
}

static void open_again(struct scene *s)
{
    remote_config_close(s->rc);
    s->got[0] = '\0';
    open_config(s);
}

static int open_scene(void **state)
{
    struct err e = {0};
    struct scene *s = calloc(1, sizeof *s);
    (void)snprintf(s->dir, sizeof s->dir, "/tmp/picket-config-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    assert_int_equal(nkey_make(&s->centre, NKEY_USER, &e), 0);
    (void)nkey_public_text(&s->centre, s->key);
    s->consumer = (struct config_consumer){.section = "acl", .take = take, .arg = s};
    open_config(s);
    *state = s;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *s = *state;
    static const char *const names[] = {"config", "config.bad"};
    char path[128];
    remote_config_close(s->rc);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", s->dir, names[i]);
        (void)unlink(path); /* not every test makes it */
    }
    assert_int_equal(rmdir(s->dir), 0);
    free(s);
    return 0;
}

/* A message as the centre makes it; for another name when it is given. */
static char *message(struct scene *s, const char *name, uint64_t revision, const char *sections,
                     size_t *len)
{
    struct err e = {0};
    char text[256];
    uint8_t signature[64];
    size_t document_len = 0;
    json_t *parsed = json_loads(sections, 0, NULL);
    assert_non_null(parsed);
    char *document = config_document_pack(revision, parsed, &document_len);
    struct config_message m = {
        .revision = revision, .document = document, .document_len = document_len};
    (void)creds_sha256_hex(document, document_len, m.hash);
    size_t text_len = config_signed_text(name, revision, m.hash, text, sizeof text);
    assert_int_equal(nkey_sign(&s->centre, text, text_len, signature, &e), 0);
    (void)base64url_encode(signature, sizeof signature, m.signature);
    char *bytes = config_message_pack(&m, len);
    json_decref(parsed);
    free(document);
    return bytes;
}

static void offer(struct scene *s, const char *name, uint64_t revision, const char *sections)
{
    size_t len = 0;
    char *bytes = message(s, name, revision, sections, &len);
    remote_config_take(s->rc, s->key, bytes, len);
    free(bytes);
}

#define RULE(name) "{\"id\":1,\"name\":\"" name "\",\"action\":\"deny\"}"

static void what_is_right_is_taken_over_and_reported(void **state)
{
    struct scene *s = *state;
    offer(s, "rome", 3, "{\"acl\":[" RULE("a") "," RULE("b") "]}");
    assert_string_equal(s->got, "a b ");
    assert_int_equal(remote_config_report(s->rc)->revision, 3);
    assert_int_equal(strlen(remote_config_report(s->rc)->hash), 64);
    assert_false(remote_config_refused(s->rc));
}

static void it_is_there_again_after_a_restart_without_the_centre(void **state)
{
    struct scene *s = *state;
    offer(s, "rome", 3, "{\"acl\":[" RULE("a") "]}");
    open_again(s);
    assert_string_equal(s->got, "a ");
    assert_int_equal(remote_config_report(s->rc)->revision, 3);
}

static void a_section_that_is_gone_empties_its_consumer(void **state)
{
    struct scene *s = *state;
    offer(s, "rome", 1, "{\"acl\":[" RULE("a") "]}");
    offer(s, "rome", 2, "{}");
    assert_string_equal(s->got, "");
    assert_int_equal(s->times, 3);
}

static void an_older_or_repeated_revision_changes_nothing(void **state)
{
    struct scene *s = *state;
    offer(s, "rome", 3, "{\"acl\":[" RULE("a") "]}");
    offer(s, "rome", 2, "{\"acl\":[" RULE("b") "]}");
    offer(s, "rome", 3, "{\"acl\":[" RULE("c") "]}");
    assert_string_equal(s->got, "a ");
    assert_int_equal(remote_config_report(s->rc)->revision, 3);
    assert_false(remote_config_refused(s->rc));
}

static void what_was_signed_for_another_agent_or_by_another_key_is_refused(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    offer(s, "pisa", 1, "{\"acl\":[" RULE("a") "]}");
    assert_true(remote_config_refused(s->rc));
    assert_non_null(strstr(remote_config_report(s->rc)->reason, "not signed for rome"));
    assert_int_equal(nkey_make(&s->centre, NKEY_USER, &e), 0); /* s->key is still the other's */
    offer(s, "rome", 2, "{\"acl\":[" RULE("a") "]}");
    assert_int_equal(remote_config_report(s->rc)->refused, 2);
    assert_int_equal(remote_config_report(s->rc)->revision, 0);
    assert_string_equal(s->got, "");
}

static void one_changed_byte_is_refused(void **state)
{
    struct scene *s = *state;
    size_t len = 0;
    char *bytes = message(s, "rome", 1, "{\"acl\":[" RULE("a") "]}", &len);
    *strstr(bytes, "deny") = 'D';
    remote_config_take(s->rc, s->key, bytes, len);
    assert_true(remote_config_refused(s->rc));
    assert_non_null(strstr(remote_config_report(s->rc)->reason, "hash"));
    free(bytes);
}

static void a_mistake_in_one_item_refuses_the_whole_and_the_former_stays(void **state)
{
    struct scene *s = *state;
    offer(s, "rome", 1, "{\"acl\":[" RULE("a") "]}");
    offer(s, "rome", 2, "{\"acl\":[{\"id\":2,\"name\":\"b\",\"action\":\"deny\",\"vlan\":9999}]}");
    assert_string_equal(s->got, "a ");
    assert_int_equal(remote_config_report(s->rc)->revision, 1);
    assert_int_equal(remote_config_report(s->rc)->refused, 2);
    assert_string_equal(remote_config_report(s->rc)->reason,
                        "acl \"b\", vlan: Use a whole number from 0 to 4094.");
    open_again(s);
    assert_string_equal(s->got, "a ");
}

static void a_consumer_that_cannot_take_it_gets_the_former_items_back(void **state)
{
    struct scene *s = *state;
    offer(s, "rome", 1, "{\"acl\":[" RULE("a") "]}");
    s->unwilling = true;
    offer(s, "rome", 2, "{\"acl\":[" RULE("b") "," RULE("c") "]}");
    assert_string_equal(s->got, "a ");
    assert_string_equal(remote_config_report(s->rc)->reason, "acl: only one rule fits");
    offer(s, "rome", 3, "{\"acl\":[" RULE("d") "]}");
    assert_string_equal(s->got, "d ");
    assert_false(remote_config_refused(s->rc));
}

static void a_file_that_was_damaged_on_disk_is_put_aside(void **state)
{
    struct scene *s = *state;
    char path[128];
    offer(s, "rome", 1, "{\"acl\":[" RULE("a") "]}");
    (void)snprintf(path, sizeof path, "%s/config", s->dir);
    assert_int_equal(truncate(path, 200), 0);
    open_again(s);
    assert_string_equal(s->got, "");
    assert_int_equal(remote_config_report(s->rc)->revision, 0);
    assert_int_equal(access(path, F_OK), -1);
    offer(s, "rome", 1, "{\"acl\":[" RULE("a") "]}"); /* the centre sends it again */
    assert_string_equal(s->got, "a ");
}

static void nothing_is_taken_over_before_the_centres_key_is_known(void **state)
{
    struct scene *s = *state;
    size_t len = 0;
    char *bytes = message(s, "rome", 1, "{\"acl\":[" RULE("a") "]}", &len);
    remote_config_take(s->rc, "", bytes, len);
    assert_true(remote_config_refused(s->rc));
    assert_string_equal(s->got, "");
    free(bytes);
}

int main(void)
{
#define SCENE(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)
    const struct CMUnitTest tests[] = {
        SCENE(what_is_right_is_taken_over_and_reported),
        SCENE(it_is_there_again_after_a_restart_without_the_centre),
        SCENE(a_section_that_is_gone_empties_its_consumer),
        SCENE(an_older_or_repeated_revision_changes_nothing),
        SCENE(what_was_signed_for_another_agent_or_by_another_key_is_refused),
        SCENE(one_changed_byte_is_refused),
        SCENE(a_mistake_in_one_item_refuses_the_whole_and_the_former_stays),
        SCENE(a_consumer_that_cannot_take_it_gets_the_former_items_back),
        SCENE(a_file_that_was_damaged_on_disk_is_put_aside),
        SCENE(nothing_is_taken_over_before_the_centres_key_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
