/*
 * What a flow speaks, by nDPI. The only door to the library: a module per worker, a slab of flow
 * states under a cap, and a verdict copied out as plain values so that the state can be freed at
 * once. Worker thread only.
 */
#pragma once

#include "agent/decode/packet.h"
#include "common/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DPI_HOST_SIZE = 256, DPI_INFO_SIZE = 256, DPI_RISKS = 64 };

struct dpi;

/* Held by value in the flow; all zero before the first packet. */
struct dpi_flow {
    uint32_t state;    /* slab handle, 0: none */
    uint8_t fed;       /* packets given to the library */
    bool done;         /* the verdict stands, or there was no room for a state */
    uint8_t signature; /* of ours that fits, see signatures.h; 0: none */
};

/* Confidence as in flow records: how the verdict was reached. */
enum dpi_confidence {
    DPI_UNKNOWN = 0,
    DPI_BY_PORT = 1,
    DPI_BY_ADDRESS = 2,
    DPI_BY_CACHE = 3,
    DPI_BY_CONTENT = 4,
};

/* Bits of what dpi_feed found news in. */
enum dpi_news {
    DPI_NEWS_NONE = 0,
    DPI_NEWS_PROTOCOL = 1, /* a protocol, application or host is known that was not */
    DPI_NEWS_RISK = 2,     /* a risk bit appeared */
    DPI_NEWS_DONE = 4,     /* the verdict stands: describe, then the state goes */
};

/* A verdict. The names live as long as the module; host and info are printable ASCII. */
struct dpi_result {
    const char *protocol; /* master protocol, "Unknown" when not known */
    const char *app;
    const char *category;
    uint64_t risks;     /* bit n: risk n, which is alert kind n */
    uint8_t confidence; /* enum dpi_confidence */
    char host[DPI_HOST_SIZE];
    char info[DPI_INFO_SIZE];
};

struct dpi_options {
    bool enabled;
    const char *const *disabled; /* protocol names whose dissectors are switched off */
    size_t disabled_count;
    uint32_t max_states;
    _Atomic uint32_t *breadcrumb; /* protocol id in hand + 1, 0 outside; read after a crash */
    bool strict;       /* flows that hide what they are are a risk; a VPN is one of them */
    const char *rules; /* file of custom protocols in nDPI's form; NULL: none */
    /*
     * The habits of ndpiReader 4.2, so that its expected results can be compared: its packet
     * caps, every packet shown, directions left to the library, a last guess for each flow.
     */
    bool reference;
};

/* Makes the module; one at a time in a process. NULL and e on failure. */
struct dpi *dpi_new(const struct dpi_options *options, struct err *e);
void dpi_free(struct dpi *dpi);

/*
 * Gives one packet to the library while its flow is undecided. from_client tells the direction.
 * Returns bits of enum dpi_news. The packet's bytes are copied; nothing is kept of it.
 */
unsigned dpi_feed(struct dpi *dpi, struct dpi_flow *flow, const struct packet *p, bool from_client);
/* Copies out what is known now. Zero result with "Unknown" when the flow has no state. */
void dpi_describe(struct dpi *dpi, const struct dpi_flow *flow, struct dpi_result *result);
/*
 * The verdict for a flow whose packets nobody sees, by its ports and addresses alone; src and dst
 * in either order.
 */
void dpi_guess(struct dpi *dpi, const struct endpoints *ends, struct dpi_result *result);
/* Guesses what is still unknown, so that dpi_describe tells the last word; the state stays. */
void dpi_conclude(struct dpi *dpi, struct dpi_flow *flow);
/*
 * In strict mode, before the state goes: true when nobody has a name for the flow and the client's
 * first bytes are as random as encrypted ones.
 */
bool dpi_is_random(const struct dpi *dpi, const struct dpi_flow *flow);
/* Frees the state; the flow counts as done. */
void dpi_drop(struct dpi *dpi, struct dpi_flow *flow);

/* Bytes that so many states may take, with what the library allocates for them (measured). */
size_t dpi_bytes(uint32_t max_states);
uint32_t dpi_states(const struct dpi *dpi);
/* Flows that went without DPI because of the cap. */
uint64_t dpi_refused(const struct dpi *dpi);

/* "TLS" for an id, as the breadcrumb gives it (already less one); "" when unknown. Slow. */
void dpi_protocol_name(unsigned id, char *buf, size_t size);
/* Calls fn with every name that a verdict may carry; false when memory is short. Slow. */
enum dpi_names { DPI_NAMES_APPS, DPI_NAMES_CATEGORIES };
bool dpi_each_name(enum dpi_names which, void (*fn)(const char *name, void *arg), void *arg);
/* Library version for status, such as "4.2.0". */
const char *dpi_version(void);
