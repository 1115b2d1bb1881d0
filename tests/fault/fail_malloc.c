/*
 * Preloaded: the k-th call for memory that a program's own code makes is refused, k out of
 * FAIL_MALLOC_AT. Calls by libraries are served, since their faults are not ours to mend.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static uintptr_t own_begin, own_end;
static long fail_at;
static atomic_long calls; /* of every thread */

/* The first object is the program. */
static int note_program(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    own_begin = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD) {
            uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            uintptr_t end = begin + info->dlpi_phdr[i].p_memsz;
            own_begin = begin < own_begin ? begin : own_begin;
            own_end = end > own_end ? end : own_end;
        }
    }
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("FAIL_MALLOC_AT");
    (void)dl_iterate_phdr(note_program, NULL);
    fail_at = at != NULL ? strtol(at, NULL, 10) : 0;
}

static bool is_refused(void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    if (fail_at == 0 || at < own_begin || at >= own_end) {
        return false;
    }
    if (atomic_fetch_add(&calls, 1) + 1 != fail_at) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}
