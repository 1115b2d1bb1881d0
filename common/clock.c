/* The system's two clocks, and the one way to write a time as text. */
#include "common/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now = {0};
    (void)clock_gettime(id, &now); /* cannot fail for the two clocks asked here */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

struct timespec clock_mono_in(unsigned wait_ms)
{
    uint64_t at = clock_mono_ns() + (uint64_t)wait_ms * NS_PER_MS;
    return (struct timespec){.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};
}

char *clock_format_utc(uint64_t wall_ns, char *buf, unsigned long size)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    unsigned ms = (unsigned)(wall_ns % NS_PER_S / NS_PER_MS);
    struct tm utc = {0};
    (void)gmtime_r(&seconds, &utc); /* 64 bits of nanoseconds end in 2554: always a valid year */
    int len = snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, ms);
    if (size > 0 && (len < 0 || (unsigned long)len >= size)) {
        buf[0] = '\0';
    }
    return buf;
}
