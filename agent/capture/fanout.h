/* Sharing of one interface between workers, each with a socket of its own. For live.c only. */
#pragma once

#include "common/err.h"

#include <stdint.h>

struct sock_filter;

enum { FANOUT_PROGRAM_MAX = 160 };

/*
 * Writes the program that says where a packet goes: its verdict, modulo their number, is the
 * socket. The key decides who meets whom, so that nobody outside can load one of them; the group's
 * sockets must have the same. Returns how many of the FANOUT_PROGRAM_MAX instructions it has.
 */
unsigned short fanout_program(uint64_t key, struct sock_filter *code);

/*
 * Puts a packet socket, bound and running, into the group: from then on the kernel gives each
 * packet to one socket of it. All packets between two hosts, both ways, go to the same one.
 * Returns 0, or -1 and e.
 */
int fanout_join(int fd, uint16_t group, uint64_t key, struct err *e);
