/* The columns of a flow's row that tell its quality (migrations 0003, 0010, 0015), and what fills
 * them.
 */
#pragma once

#include "aggregator/store/copy.h"
#include "common/wire/flows.h"

#define ROWS_QUALITY_SQL                                                                           \
    "quality_class, quality_profile, score_c2s, score_s2c, worst_c2s, worst_s2c, reason_c2s,"      \
    " reason_s2c, reason_value_c2s, reason_value_s2c, reason_of_c2s, reason_of_s2c, blame_c2s,"    \
    " blame_s2c, score_confidence_c2s, score_confidence_s2c, segments_c2s, segments_s2c,"          \
    " lost_before_c2s, lost_before_s2c, needless_c2s, needless_s2c, duplicated_c2s,"               \
    " duplicated_s2c, zero_window_ms_c2s, zero_window_ms_s2c, rtt_client_us, rtt_client_min_us,"   \
    " rtt_client_var_us, rtt_client_samples, rtt_server_us, rtt_server_min_us,"                    \
    " rtt_server_var_us, rtt_server_samples, dns_questions, dns_failed, dns_unanswered,"           \
    " dns_answer_us, unjudged_c2s, unjudged_s2c, rtt_client_trips, rtt_server_trips,"              \
    " rtt_by"

enum { ROWS_QUALITY_COLUMNS = 43 };

void rows_quality_copy(struct copy *c, const struct flow_record *r);
