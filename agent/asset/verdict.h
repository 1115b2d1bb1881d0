/*
 * What a host runs and what kind of device it is, from clues that it gives without being asked:
 * each counts with a weight, old ones less. The verdict carries its clues, so that a person can
 * judge it. A clue is what the host chose to send: never a proof.
 */
#pragma once

#include "agent/decode/packet.h"
#include "common/wire/assets.h"
#include "common/wire/prints.h"

/* Keeps the newest clue of its kind; true when the record has changed. */
bool verdict_note(struct wire_asset *w, enum asset_clue_kind kind, const char *value,
                  uint64_t at_ns);
/* "TTL 64, window 64240, options 2-4-8-1-3": a SYN for people, and as its clue is read. */
void verdict_syn_text(const struct print_syn *syn, char text[ASSET_CLUE_SIZE]);
/* Weighs all clues, those of the card's maker and of services among them. */
void verdict_judge(struct wire_asset *w, uint64_t now_ns);
