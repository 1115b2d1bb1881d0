#include "agent/dpi/bursts.h"

#include "common/clock.h"

#include <string.h>
#include <xxhash.h>

static struct burst *place_of(struct bursts *b, const struct flow_key *key)
{
    uint64_t hash = XXH3_64bits(&key->client, sizeof key->client);
    hash = XXH3_64bits_withSeed(&key->server, sizeof key->server, hash);
    return &b->pairs[hash % BURST_PAIRS];
}

bool bursts_note(struct bursts *b, const struct flow_key *key, bool error, uint64_t time_ns)
{
    struct burst *pair = place_of(b, key);
    bool over = pair->since_ns == 0 ||
                clock_is_due(time_ns, pair->since_ns, BURST_WINDOW_S * (uint64_t)NS_PER_S);
    if (over && !error) {
        return false; /* most pairs have none, and need no place */
    }
    if (over) {
        *pair = (struct burst){.client = key->client,
                               .server = key->server,
                               .origin = key->origin,
                               .family = key->family,
                               .since_ns = time_ns};
    }
    if (pair->family != key->family || pair->origin != key->origin ||
        !addr_equal(&pair->client, &key->client) || !addr_equal(&pair->server, &key->server)) {
        return false;
    }
    pair->answers++;
    pair->errors += error ? 1 : 0;
    return error && pair->errors >= BURST_ERRORS && pair->errors * 2 >= pair->answers;
}
