/* Discovery of a v3 engine: our question and a real answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent/poll/discover.h"

/* As snmpd 5.9.3 answered the message id 0x12345678. */
static const uint8_t real[] = {
    0x30, 0x71, 0x02, 0x01, 0x03, 0x30, 0x11, 0x02, 0x04, 0x12, 0x34, 0x56, 0x78, 0x02, 0x03,
    0x00, 0xff, 0xe3, 0x04, 0x01, 0x00, 0x02, 0x01, 0x03, 0x04, 0x21, 0x30, 0x1f, 0x04, 0x11,
    0x80, 0x00, 0x1f, 0x88, 0x80, 0x87, 0xf0, 0xd9, 0x40, 0xad, 0x64, 0x07, 0x6b, 0x00, 0x00,
    0x00, 0x00, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02, 0x04, 0x00, 0x04, 0x00, 0x04, 0x00, 0x30,
    0x36, 0x04, 0x11, 0x80, 0x00, 0x1f, 0x88, 0x80, 0x87, 0xf0, 0xd9, 0x40, 0xad, 0x64, 0x07,
    0x6b, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0xa8, 0x1f, 0x02, 0x04, 0x12, 0x34, 0x56, 0x78,
    0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30, 0x11, 0x30, 0x0f, 0x06, 0x0a, 0x2b, 0x06, 0x01,
    0x06, 0x03, 0x0f, 0x01, 0x01, 0x04, 0x00, 0x41, 0x01, 0x01,
};
enum { ID = 0x12345678, ENGINE_BYTES = 17 };

static void an_answer_names_the_engine(void **state)
{
    (void)state;
    struct engine_id engine = {0};
    assert_true(discover_read(real, sizeof real, ID, &engine));
    assert_int_equal(engine.len, ENGINE_BYTES);
    assert_int_equal(engine.bytes[0], 0x80);
    assert_int_equal(engine.bytes[ENGINE_BYTES - 1], 0x00);
}

static void an_answer_to_another_question_is_not_taken(void **state)
{
    (void)state;
    struct engine_id engine = {0};
    assert_false(discover_read(real, sizeof real, ID + 1, &engine));
}

static void every_cut_answer_is_refused_without_reading_behind_it(void **state)
{
    (void)state;
    struct engine_id engine = {0};
    for (size_t len = 0; len < 47; len++) { /* up to the end of the engine's id */
        uint8_t cut[sizeof real];
        memcpy(cut, real, len);
        assert_false(discover_read(cut, len, ID, &engine));
    }
}

static void our_question_is_well_formed_and_names_no_engine(void **state)
{
    (void)state;
    uint8_t buf[DISCOVER_SIZE];
    struct engine_id engine = {0};
    assert_int_equal(discover_ask(ID, buf), DISCOVER_SIZE);
    assert_int_equal(buf[1], DISCOVER_SIZE - 2);
    assert_false(discover_read(buf, sizeof buf, ID, &engine));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_names_the_engine),
        cmocka_unit_test(an_answer_to_another_question_is_not_taken),
        cmocka_unit_test(every_cut_answer_is_refused_without_reading_behind_it),
        cmocka_unit_test(our_question_is_well_formed_and_names_no_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
