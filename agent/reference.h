/*
 * picket-agent --read FILE --dpi-reference: each flow of a capture as nDPI's own demonstration
 * program would report it, so that our use of the library can be held against the results that
 * its authors expect (tests/golden/dpi_reference.py).
 */
#pragma once

#include "agent/read.h"

/* One line a flow, JSON or text. Returns the exit status: 0, or 1 when the file cannot be read. */
int reference_file(const struct read_options *options);
