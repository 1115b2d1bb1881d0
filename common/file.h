/*
 * Whole small files, written so that a reader or a power cut sees either the old or the new one.
 * Any thread; blocks on the disk.
 */
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Replaces path: temporary file beside it, fsync, rename, fsync of the folder. */
int file_replace(const char *path, const void *bytes, size_t len, mode_t mode, struct err *e);
/* The same, but an existing file is left alone and is a fault. */
int file_create(const char *path, const void *bytes, size_t len, mode_t mode, struct err *e);
/* The whole file with a NUL behind it; more than max bytes is a fault. The caller frees. */
char *file_read(const char *path, size_t max, size_t *len, struct err *e);
/* The same, and a fault when others than the owner may read or write it: for secrets. */
char *file_read_secret(const char *path, size_t max, size_t *len, struct err *e);
/* Makes the folder, and those above it, unless it is there. */
int folder_make(const char *path, mode_t mode, struct err *e);
/* The bytes that the folder's file system has in all, free or not. */
int folder_room(const char *path, uint64_t *bytes, struct err *e);
/* Makes renames and new names in the folder last. */
int folder_sync(const char *path, struct err *e);
