/* A whole capture file as the engine reads it: from the bytes on disk to decoded packets. */
#include "tests/fuzz/fuzz.h"

#include "agent/capture/source.h"
#include "agent/decode/decode.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void on_packet(const struct packet_view *view, void *arg)
{
    struct packet p = {0};
    unsigned *decoded = arg;
    FUZZ_CHECK(view->caplen == 0 || view->bytes != NULL);
    *decoded +=
        decode_packet(view->link_type, ~0u, view->bytes, view->caplen, view->len, &p) == DECODE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct source_options options = {.filter = "", .snaplen = 65535};
    char word[64];
    unsigned decoded = 0;
    int fd = memfd_create("capture", 0);
    FUZZ_CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    (void)snprintf(word, sizeof word, "file:/proc/self/fd/%d?pace=0", fd);
    struct source *s = source_open(word, &options, NULL);
    if (s != NULL) {
        while (s->ops->read(s, 64, 1, on_packet, &decoded) == SOURCE_MORE) {
            /* to its end */
        }
        source_close(s);
    }
    (void)close(fd);
    return 0;
}
