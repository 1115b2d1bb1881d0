/*
 * CRC32C (Castagnoli polynomial 0x1EDC6F41, reflected; RFC 3720 appendix B.4). By the processor's
 * own instruction where it has one, by tables otherwise; both give the same.
 */
#include "common/wire/envelope.h"

#include <pthread.h>
#include <string.h>

enum { SLICES = 8 };

static uint32_t tables[SLICES][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/* tables[k][b] advances the CRC of byte b by k further zero bytes ("slicing by eight"). */
static void tables_fill(void)
{
    const uint32_t polynomial_reflected = 0x82F63B78;
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial_reflected : 0);
        }
        tables[0][b] = crc;
    }
    for (uint32_t b = 0; b < 256; b++) {
        for (int k = 1; k < SLICES; k++) {
            uint32_t before = tables[k - 1][b];
            tables[k][b] = (before >> 8) ^ tables[0][before & 0xFF];
        }
    }
}

static uint32_t crc_by_tables(uint32_t crc, const uint8_t *at, size_t len)
{
    (void)pthread_once(&tables_once, tables_fill); /* fails only for a bad pointer */
    for (; len >= SLICES; at += SLICES, len -= SLICES) {
        uint32_t low, high;
        memcpy(&low, at, sizeof low);
        memcpy(&high, at + sizeof low, sizeof high);
        low ^= crc;
        crc = tables[7][low & 0xFF] ^ tables[6][(low >> 8) & 0xFF] ^ tables[5][(low >> 16) & 0xFF] ^
              tables[4][low >> 24] ^ tables[3][high & 0xFF] ^ tables[2][(high >> 8) & 0xFF] ^
              tables[1][(high >> 16) & 0xFF] ^ tables[0][high >> 24];
    }
    for (; len > 0; at++, len--) {
        crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 0xFF];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc,
                                                                     const uint8_t *at, size_t len)
{
    uint64_t wide = crc;
    for (; len >= sizeof(uint64_t); at += sizeof(uint64_t), len -= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; len > 0; at++, len--) {
        crc = __builtin_ia32_crc32qi(crc, *at);
    }
    return crc;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
    if (__builtin_cpu_supports("sse4.2")) {
        return ~crc_by_instruction(~crc, bytes, len);
    }
    return ~crc_by_tables(~crc, bytes, len);
}
#else
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
    return ~crc_by_tables(~crc, bytes, len);
}
#endif

uint32_t crc32c_by_tables(uint32_t crc, const void *bytes, size_t len)
{
    return ~crc_by_tables(~crc, bytes, len);
}
