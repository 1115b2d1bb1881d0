/* Unit tests of agent/qoe/emodel: vectors computed once by hand from G.107's formulas. */
#include "agent/qoe/emodel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_default_set_is_worth_its_published_value(void **state)
{
    (void)state;
    const struct emodel_codec codec = emodel_codec_of(CODEC_PCMU, 64);
    double rating = emodel_rating(&codec, 0, 1, 0);
    assert_true(rating > 93.199 && rating < 93.201);
    assert_int_equal(emodel_mos(rating), 4409);
}

static void vectors_of_codec_loss_and_delay(void **state)
{
    (void)state;
    const struct emodel_codec bare = {0, 4.3, 0}; /* G.711 without concealment */
    const struct emodel_codec g711 = emodel_codec_of(CODEC_PCMA, 64);
    const struct emodel_codec g729 = emodel_codec_of(CODEC_G729, 8);
    const struct {
        const struct emodel_codec *codec;
        double loss, delay_ms, rating;
        uint32_t mos; /* hundredths */
    } vectors[] = {
        {&g711, 1, 50, 88.4, 430}, {&g711, 5, 150, 73.8, 377},  {&bare, 3, 100, 51.8, 267},
        {&g729, 1, 50, 76.8, 390}, {&g729, 10, 150, 49.6, 256}, {&g711, 1, 300, 68.9, 354},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        double rating = emodel_rating(vectors[i].codec, vectors[i].loss, 1, vectors[i].delay_ms);
        assert_true(rating > vectors[i].rating - 0.051 && rating < vectors[i].rating + 0.051);
        assert_int_equal((emodel_mos(rating) + 5) / 10, vectors[i].mos);
    }
}

static void the_bands_of_user_satisfaction(void **state)
{
    (void)state;
    assert_int_equal((emodel_mos(90) + 5) / 10, 434);
    assert_int_equal((emodel_mos(80) + 5) / 10, 402); /* 4.024: printed as 4.03 */
    assert_int_equal((emodel_mos(70) + 5) / 10, 360);
    assert_int_equal((emodel_mos(60) + 5) / 10, 310);
    assert_int_equal((emodel_mos(50) + 5) / 10, 258);
    assert_int_equal(emodel_mos(-5), 1000);
    assert_int_equal(emodel_mos(101), 4500);
}

static void more_loss_or_delay_never_sounds_better(void **state)
{
    (void)state;
    for (unsigned codec = 0; codec < CODECS; codec++) {
        const struct emodel_codec c = emodel_codec_of((enum codec)codec, 24);
        double last_by_loss = 100;
        double last_by_delay = 100;
        for (int i = 0; i <= 100; i++) {
            double by_loss = emodel_rating(&c, i, 1.5, 80);
            double by_delay = emodel_rating(&c, 1, 1, i * 10);
            assert_true(by_loss <= last_by_loss && by_delay <= last_by_delay);
            last_by_loss = by_loss;
            last_by_delay = by_delay;
        }
    }
}

static void losses_in_bursts_sound_worse(void **state)
{
    (void)state;
    const struct emodel_codec codec = emodel_codec_of(CODEC_PCMU, 64);
    assert_true(emodel_rating(&codec, 5, 2, 50) < emodel_rating(&codec, 5, 1, 50));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_set_is_worth_its_published_value),
        cmocka_unit_test(vectors_of_codec_loss_and_delay),
        cmocka_unit_test(the_bands_of_user_satisfaction),
        cmocka_unit_test(more_loss_or_delay_never_sounds_better),
        cmocka_unit_test(losses_in_bursts_sound_worse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
