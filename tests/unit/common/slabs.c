/* Unit tests of common/slabs and common/squeeze. */
#include "common/slabs.h"

#include "common/squeeze.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

enum { CAP = 64 * 1024, MOST = CAP / 64 };

static void a_thing_gets_a_place_that_holds_it(void **state)
{
    (void)state;
    struct slabs s;
    assert_int_equal(slabs_init(&s, CAP, NULL), 0);
    for (size_t len = 1; len <= SLABS_LARGEST; len += 50) {
        uint32_t handle = slabs_take(&s, len);
        assert_int_not_equal(handle, 0);
        assert_true(slabs_room(&s, handle) >= len);
        memset(slabs_at(&s, handle), 0xee, len);
        slabs_put(&s, handle);
    }
    assert_int_equal(slabs_take(&s, SLABS_LARGEST + 1), 0);
    slabs_done(&s);
}

static void the_cap_holds_for_all_sizes_together(void **state)
{
    (void)state;
    struct slabs s;
    uint32_t handles[MOST];
    unsigned count = 0;
    assert_int_equal(slabs_init(&s, CAP, NULL), 0);
    for (size_t len = 1;; len = len * 7 % SLABS_LARGEST + 1) {
        uint32_t handle = slabs_take(&s, len);
        if (handle == 0) {
            break;
        }
        handles[count++] = handle;
    }
    assert_true(s.bytes <= CAP);
    assert_true(s.bytes > CAP - SLABS_LARGEST);
    for (unsigned i = 0; i < count; i++) {
        slabs_put(&s, handles[i]);
    }
    slabs_done(&s);
}

static void a_full_cap_serves_small_things_from_larger_places(void **state)
{
    (void)state;
    struct slabs s;
    assert_int_equal(slabs_init(&s, 1200, NULL), 0);
    uint32_t large = slabs_take(&s, 1100);
    assert_int_not_equal(large, 0);
    assert_int_equal(slabs_take(&s, 60), 0);
    slabs_put(&s, large);
    assert_int_equal(slabs_take(&s, 60), large);
    slabs_done(&s);
}

static void what_is_squeezed_comes_back_as_it_was(void **state)
{
    (void)state;
    uint32_t random = 1; /* fixed: the same words each time */
    for (unsigned round = 0; round < 2000; round++) {
        uint32_t words[64];
        uint32_t back[64];
        uint8_t room[SQUEEZE_ROOM(sizeof words)];
        for (unsigned i = 0; i < 64; i++) {
            random = random * 1664525u + 1013904223u;
            words[i] = random >> 30 == 0 ? random : random >> (random >> 27);
            words[i] = (random >> 20 & 15) < round % 16 ? 0 : words[i];
        }
        assert_true(squeeze(words, sizeof words, room) <= sizeof room);
        unsqueeze(room, back, sizeof back);
        assert_memory_equal(words, back, sizeof words);
    }
}

static void zeros_take_a_bit_a_group(void **state)
{
    (void)state;
    const uint32_t words[64] = {0};
    uint8_t room[SQUEEZE_ROOM(sizeof words)];
    assert_int_equal(squeeze(words, sizeof words, room), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thing_gets_a_place_that_holds_it),
        cmocka_unit_test(the_cap_holds_for_all_sizes_together),
        cmocka_unit_test(a_full_cap_serves_small_things_from_larger_places),
        cmocka_unit_test(what_is_squeezed_comes_back_as_it_was),
        cmocka_unit_test(zeros_take_a_bit_a_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
