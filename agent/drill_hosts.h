/* Questions about hosts: the table's rows filtered, ordered by any column, one page of them. */
#pragma once

#include "agent/asset/host.h"
#include "agent/geo/geo.h"
#include "agent/uplink/answer.h"

#include <stdint.h>

/* Answers at once. Control's thread. */
void drill_hosts_ask(struct host_table *hosts, struct geo *geo, const struct query *question,
                     struct answer_sink sink, uint64_t wall_ns);
