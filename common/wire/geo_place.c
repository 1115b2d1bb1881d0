#include "common/wire/geo_place.h"

#include "common/reader.h"
#include "common/wire/text.h"
#include "common/writer.h"

#include <stdbool.h>
#include <string.h>

static bool is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_country(const char *text)
{
    return is_letter(text[0]) && is_letter(text[1]) && text[2] == '\0';
}

void geo_place_clean(struct geo_place *p)
{
    if (!is_country(p->country)) {
        memset(p->country, 0, sizeof p->country);
    }
    size_t len = strnlen(p->as_org, sizeof p->as_org - 1);
    memset(p->as_org + len, 0, sizeof p->as_org - len);
    text_clean(p->as_org, len);
}

void geo_place_write(struct writer *w, const struct geo_place *p)
{
    writer_bytes(w, p->country, COUNTRY_SIZE - 1);
    writer_le32(w, p->asn);
    text_write(w, p->as_org);
}

void geo_place_read(struct reader *r, struct geo_place *p)
{
    const uint8_t *country = reader_bytes(r, COUNTRY_SIZE - 1);
    if (country != NULL) {
        memcpy(p->country, country, COUNTRY_SIZE - 1);
        p->country[COUNTRY_SIZE - 1] = '\0';
        r->bad = r->bad || (p->country[0] != '\0' && !is_country(p->country));
    }
    p->asn = reader_le32(r);
    text_read(r, p->as_org, sizeof p->as_org);
}
