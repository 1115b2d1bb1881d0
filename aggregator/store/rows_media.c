#include "aggregator/store/rows_media.h"

enum { CALL_COLUMNS = 3, DIRECTION_COLUMNS = 17 };

_Static_assert((int)CALL_COLUMNS + 2 * (int)DIRECTION_COLUMNS == (int)ROWS_MEDIA_COLUMNS,
               "every column is filled");

static void nulls(struct copy *c, int count)
{
    for (int i = 0; i < count; i++) {
        copy_null(c);
    }
}

/* Columns are signed; nothing that a minute can hold comes near their end. */
static void number(struct copy *c, uint32_t value)
{
    copy_i32(c, value > INT32_MAX ? INT32_MAX : (int32_t)value);
}

static void number_if(struct copy *c, bool known, uint32_t value)
{
    if (known) {
        number(c, value);
    } else {
        copy_null(c);
    }
}

static void mos_or_null(struct copy *c, uint16_t mos)
{
    if (mos == 0) {
        copy_null(c);
    } else {
        copy_i16(c, (int16_t)mos);
    }
}

static void call(struct copy *c, const struct flow_record *r)
{
    if (r->call_state == CALL_NONE) {
        nulls(c, CALL_COLUMNS);
        return;
    }
    copy_text(c, r->call_id);
    copy_i16(c, r->call_state);
    copy_bool(c, r->call_held);
}

static void direction(struct copy *c, const struct flow_media *m)
{
    if (m->streams == 0) {
        nulls(c, DIRECTION_COLUMNS);
        return;
    }
    copy_i16(c, m->streams);
    copy_i64(c, m->ssrc);
    copy_i16(c, m->payload_type);
    copy_text(c, m->codec);
    number_if(c, m->clock_hz != 0, m->clock_hz);
    number(c, m->packets);
    number(c, m->lost);
    number(c, m->duplicated);
    number(c, m->late);
    number(c, m->discarded);
    number_if(c, m->burst != 0, m->burst);
    number_if(c, m->clock_hz != 0, m->jitter_us);
    number_if(c, m->clock_hz != 0, m->jitter_max_us);
    number(c, m->gap_ms);
    mos_or_null(c, m->mos);
    mos_or_null(c, m->mos_worst);
    mos_or_null(c, m->mos_reported);
}

void rows_media_copy(struct copy *c, const struct flow_record *r)
{
    call(c, r);
    direction(c, &r->media[DIR_C2S]);
    direction(c, &r->media[DIR_S2C]);
}
