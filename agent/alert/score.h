/* How grave an alert is. */
#pragma once

#include <stdint.h>

enum { SCORE_MAX = 250 };

/* The catalogue's score of a kind, 0 to SCORE_MAX; 0 for a kind that it does not know. */
uint16_t alert_score(uint16_t kind);
