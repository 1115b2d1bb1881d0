/*
 * R = Ro - Is - Id - Ie_eff + A with Ro - Is = 93.2 and A = 0 (G.107 section 7 with its default
 * values). Id is the simplified form of Cole and Rosenbluth, "Voice over IP performance
 * monitoring", 2001. Codecs by G.113 appendix I; G.711 with concealment, as all telephones have.
 * What the narrow-band tables do not hold (G.722, Opus, the rest) is our own approximation.
 */
#include "agent/qoe/emodel.h"

static const double best = 93.2;
static const double robust_default = 20.0;

struct emodel_codec emodel_codec_of(enum codec codec, double kbps)
{
    if (codec == CODEC_PCMU || codec == CODEC_PCMA) {
        return (struct emodel_codec){0, 25.1, 0};
    }
    if (codec == CODEC_G729) {
        return (struct emodel_codec){11, 19.0, 5};
    }
    if (codec == CODEC_G723) {
        return (struct emodel_codec){15, 16.1, 7.5};
    }
    if (codec == CODEC_GSM_EFR || codec == CODEC_GSM) {
        return (struct emodel_codec){5, 10.0, 0};
    }
    if (codec == CODEC_OPUS && kbps < 20) {
        return (struct emodel_codec){kbps < 12 ? 10 : 5, robust_default, 5};
    }
    return (struct emodel_codec){0, robust_default, 0};
}

double emodel_rating(const struct emodel_codec *codec, double loss_percent, double burst_ratio,
                     double delay_ms)
{
    double late_ms = delay_ms > 177.3 ? delay_ms - 177.3 : 0;
    double by_delay = 0.024 * delay_ms + 0.11 * late_ms;
    double by_loss = codec->impairment + (95.0 - codec->impairment) * loss_percent /
                                             (loss_percent / burst_ratio + codec->robustness);
    return best - by_delay - by_loss;
}

uint32_t emodel_mos(double rating)
{
    if (rating <= 0) {
        return 1000;
    }
    if (rating >= 100) {
        return 4500;
    }
    double mos = 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6;
    return mos < 1.0 ? 1000 : (uint32_t)(mos * 1000.0 + 0.5);
}
