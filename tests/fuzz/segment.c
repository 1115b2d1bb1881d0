/* A segment of the spool as a crash may leave it: what the scan calls good can be read, no more. */
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "agent/uplink/segment.h"

static void read_all(int fd, const struct segment *s)
{
    static uint8_t buf[SEGMENT_RECORD_MAX];
    struct segment_cursor at = {0};
    uint64_t sequence = 0, last = 0;
    size_t len;
    while (segment_read(fd, s, &at, &sequence, buf, &len, NULL) == 1) {
        FUZZ_CHECK(sequence >= s->first && sequence < s->next && sequence > last);
        last = sequence;
    }
    FUZZ_CHECK(at.offset == s->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct segment s;
    bool torn;
    int fd = memfd_create("segment", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    if (segment_scan(fd, SEGMENT_SEQUENCE_MAX, &s, &torn, NULL) == 0) {
        FUZZ_CHECK(s.size <= len && torn == (s.size != len));
        read_all(fd, &s);
    }
    (void)close(fd);
    return 0;
}
