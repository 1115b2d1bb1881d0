/* The columns of a flow's row that tell its fingerprints (migration 0012), and what fills them. */
#pragma once

#include "aggregator/store/copy.h"
#include "common/wire/flows.h"

#define ROWS_PRINTS_SQL                                                                            \
    "community_id, print_version, ja4, ja3, ja3s, hassh, hassh_server, user_agent, tcp_print,"     \
    " tcp_print_2025, tcp_options, tcp_hops"

enum { ROWS_PRINTS_COLUMNS = 12 };

void rows_prints_copy(struct copy *c, const struct flow_record *r);
