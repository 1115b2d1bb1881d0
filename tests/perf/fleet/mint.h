/* Users for the simulator: of one name with an agent's own rights, or of several names at once. */
#pragma once

#include "aggregator/auth/keys.h"

/* Loaded once from the centre's folder. */
struct mint {
    struct keys keys;
    struct nkey account;
};

int mint_open(struct mint *m, const char *dir, struct err *e);
void mint_close(struct mint *m);
/* A user with the rights of all these agents, into buf of `size` bytes. */
int mint_user(const struct mint *m, const char *const *names, unsigned count,
              const char *nkey_public, char *buf, size_t size, struct err *e);
