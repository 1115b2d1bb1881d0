/* Unit tests of common/table. */
#include "common/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

struct entry {
    uint32_t key;
    uint32_t value;
};

enum { CAP = 1000, KEYS = 2000 };

static struct table *table_of_entries(size_t max)
{
    struct table *t = table_new(sizeof(uint32_t), sizeof(struct entry), max, NULL);
    assert_non_null(t);
    return t;
}

static struct entry *put(struct table *t, uint32_t key)
{
    bool made = false;
    struct entry *entry = table_put(t, &key, &made);
    assert_non_null(entry);
    assert_true(made);
    return entry;
}

static void a_new_entry_has_its_key_and_zeroes(void **state)
{
    (void)state;
    struct table *t = table_of_entries(CAP);
    struct entry *entry = put(t, 7);
    assert_int_equal(entry->key, 7);
    assert_int_equal(entry->value, 0);
    table_free(t);
}

static void a_known_key_gives_the_entry_that_is_there(void **state)
{
    (void)state;
    struct table *t = table_of_entries(CAP);
    put(t, 7)->value = 70;
    bool made = true;
    const struct entry *entry = table_put(t, &(uint32_t){7}, &made);
    assert_false(made);
    assert_int_equal(entry->value, 70);
    assert_int_equal(table_count(t), 1);
    assert_null(table_get(t, &(uint32_t){8}));
    table_free(t);
}

static void growth_keeps_every_entry(void **state)
{
    (void)state;
    struct table *t = table_of_entries(CAP);
    for (uint32_t i = 0; i < CAP; i++) {
        put(t, i)->value = i * 3;
    }
    for (uint32_t i = 0; i < CAP; i++) {
        const struct entry *entry = table_get(t, &i);
        assert_non_null(entry);
        assert_int_equal(entry->value, i * 3);
    }
    assert_int_equal(table_count(t), CAP);
    table_free(t);
}

static void the_cap_refuses_new_keys_and_keeps_old_ones(void **state)
{
    (void)state;
    for (size_t max = 1; max < 70; max++) {
        struct table *t = table_of_entries(max);
        for (uint32_t i = 0; i < max; i++) {
            put(t, i);
        }
        bool made = true;
        assert_null(table_put(t, &(uint32_t){12345}, &made));
        assert_false(made);
        assert_non_null(table_put(t, &(uint32_t){0}, &made));
        assert_true(table_remove(t, &(uint32_t){0}));
        assert_int_equal(put(t, 12345)->key, 12345);
        table_free(t);
    }
}

/* Does the same to a table and to a plain array, and compares after every step. */
static void a_long_random_life_matches_a_plain_array(void **state)
{
    (void)state;
    struct table *t = table_of_entries(CAP);
    static uint32_t plain[KEYS]; /* value + 1; 0 means absent */
    size_t count = 0;
    unsigned random = 42;
    for (uint32_t step = 1; step < 100000; step++) {
        uint32_t key = (uint32_t)rand_r(&random) % KEYS;
        bool made = false;
        if (rand_r(&random) % 2 == 0) {
            assert_int_equal(table_remove(t, &key), plain[key] != 0);
            count -= plain[key] != 0 ? 1 : 0;
            plain[key] = 0;
        } else if (plain[key] != 0 || count < CAP) {
            struct entry *entry = table_put(t, &key, &made);
            assert_int_equal(made, plain[key] == 0);
            count += made ? 1 : 0;
            entry->value = step;
            plain[key] = step + 1;
        }
        assert_int_equal(table_count(t), count);
    }
    for (uint32_t key = 0; key < KEYS; key++) {
        const struct entry *entry = table_get(t, &key);
        assert_int_equal(entry == NULL ? 0 : entry->value + 1, plain[key]);
    }
    table_free(t);
}

static void a_walk_sees_every_entry_once(void **state)
{
    (void)state;
    struct table *t = table_of_entries(CAP);
    for (uint32_t i = 0; i < 100; i++) {
        put(t, i);
    }
    size_t at = 0;
    unsigned seen = 0;
    for (struct entry *entry = table_next(t, &at); entry != NULL; entry = table_next(t, &at)) {
        assert_int_equal(entry->value, 0);
        entry->value = 1;
        seen++;
    }
    assert_int_equal(seen, 100);
    assert_null(table_next(t, &at));
    table_free(t);
}

static void removing_while_walking_misses_nobody(void **state)
{
    (void)state;
    struct table *t = table_of_entries(CAP);
    for (uint32_t i = 0; i < 100; i++) {
        put(t, i);
    }
    size_t at = 0;
    unsigned seen = 0;
    for (struct entry *entry = table_next(t, &at); entry != NULL; entry = table_next(t, &at)) {
        assert_int_equal(entry->value, 0);
        entry->value = 1;
        seen++;
        if (entry->key % 3 != 0) {
            assert_true(table_remove(t, &entry->key));
        }
    }
    assert_int_equal(seen, 100);
    assert_int_equal(table_count(t), 34);
    table_free(t);
}

static void an_empty_table_has_nothing_to_walk_or_remove(void **state)
{
    (void)state;
    struct table *t = table_of_entries(1);
    size_t at = 0;
    assert_null(table_next(t, &at));
    assert_false(table_remove(t, &(uint32_t){1}));
    table_free(t);
    table_free(NULL);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct err e = {0};
    assert_null(table_new(0, 8, 8, &e));
    assert_int_equal(e.code, ERR_ARG);
    assert_null(table_new(9, 8, 8, &e));
    assert_null(table_new(8, 8, 0, &e));
    assert_null(table_new(8, 8, SIZE_MAX, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_entry_has_its_key_and_zeroes),
        cmocka_unit_test(a_known_key_gives_the_entry_that_is_there),
        cmocka_unit_test(growth_keeps_every_entry),
        cmocka_unit_test(the_cap_refuses_new_keys_and_keeps_old_ones),
        cmocka_unit_test(a_long_random_life_matches_a_plain_array),
        cmocka_unit_test(a_walk_sees_every_entry_once),
        cmocka_unit_test(removing_while_walking_misses_nobody),
        cmocka_unit_test(an_empty_table_has_nothing_to_walk_or_remove),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
