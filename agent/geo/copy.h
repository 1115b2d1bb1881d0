/*
 * Private copies of files that others write. A file that is mapped and then cut in place, as cp and
 * scp do to one that is there, would end who reads the mapping.
 */
#pragma once

#include "common/err.h"

#include <stddef.h>

/*
 * Copies the plain file at `path` into memory without a name. Returns a descriptor of the copy, for
 * the caller to close; or -1 and e, also for a file of more than `most` bytes.
 */
int copy_of(const char *path, size_t most, struct err *e);
