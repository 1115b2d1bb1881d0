/* What picket-agent --read prints of a capture file. */
#pragma once

#include "agent/read_book.h"

/* Of all workers. */
struct read_sums {
    uint64_t packets, bytes;
    uint64_t undecoded; /* packets */
    uint64_t fragments_shed;
    uint64_t flows_refused; /* packets without a flow */
    uint64_t shed_openings; /* unanswered SYNs */
    uint64_t shed_flows;    /* told before their time */
    uint64_t dpi_refused;   /* flows */
    uint64_t records_lost;  /* for want of room in a ring */
};

/* One JSON object a flow and line, in the book's order. */
void read_print_json(const struct read_book *book);
/*
 * For people: the file as a whole, then its applications, hosts and risks, and the `top` largest
 * flows, in the book's order; only the file as a whole when top is 0. 0, or -1 without memory.
 */
int read_print_tables(const char *name, const struct read_book *book, const struct read_sums *sums,
                      unsigned top);
/* "tcp", "udp", …, or the number in buf. */
const char *read_transport_name(uint8_t protocol, char *buf, size_t size);
