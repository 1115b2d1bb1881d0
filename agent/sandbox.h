/*
 * The walls around the two children: no capability, no new rights, Landlock for files, seccomp
 * for system calls. Best effort by what the kernel offers; what is active is told. Off in builds
 * with sanitizers, which need calls of their own.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

/* What is in force; a wall that the kernel lacks is false, and that is logged. */
struct sandbox_state {
    bool capabilities; /* all dropped */
    bool landlock;
    bool seccomp;
};

/*
 * Parent, before its first child: keeps the capability to open capture sockets and drops all
 * others. Nothing to do for an unprivileged start. 0, or -1 and e.
 */
int sandbox_parent(struct err *e);

/*
 * Engine, first step, one thread still: drops every capability, forbids new rights and every
 * file. Threads made afterwards inherit it. 0, or -1 and e when the kernel refuses what it has.
 */
int sandbox_engine(struct sandbox_state *state, struct err *e);
/* Engine, second step, all threads made: only the calls of the packet path are left, for all. */
int sandbox_engine_calls(struct sandbox_state *state, struct err *e);

/*
 * Control, before it starts its first thread: no capability, no exec, no packet socket, and no
 * writing outside the folders in `writable`; reading stays open, for names, certificates and
 * /proc. 0, or -1 and e.
 */
int sandbox_control(const char *const *writable, size_t count, struct sandbox_state *state,
                    struct err *e);

/* One line such as "capabilities dropped, Landlock, seccomp" into buf; returns buf. */
char *sandbox_describe(const struct sandbox_state *state, char *buf, size_t size);

/*
 * picket-agent --sandbox-test: enters the walls of engine and control in children and tries what
 * must fail (open /etc/shadow, execve, socket). One line a probe on standard output; 0 when all are
 * refused, 77 in a build without walls.
 */
int sandbox_self_test(void);
