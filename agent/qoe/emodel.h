/*
 * What a conversation is worth by the E-model (ITU-T G.107, default set): from codec, loss and
 * delay to a rating R and a mean opinion score. An estimate on the narrow-band scale. Pure.
 */
#pragma once

#include "agent/decode/codec.h"

#include <stdint.h>

/* How a codec stands loss (ITU-T G.113 appendix I). */
struct emodel_codec {
    double impairment; /* Ie: without any loss */
    double robustness; /* Bpl */
    double ahead_ms;   /* that the encoder looks ahead */
};

struct emodel_codec emodel_codec_of(enum codec codec, double kbps);
/*
 * The rating, 93.2 at best. loss_percent 0-100, burst_ratio 1 for random loss, delay_ms from mouth
 * to ear. May be negative.
 */
double emodel_rating(const struct emodel_codec *codec, double loss_percent, double burst_ratio,
                     double delay_ms);
/* Thousandths of MOS, 1000 to 4500. */
uint32_t emodel_mos(double rating);
