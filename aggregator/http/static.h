/*
 * The console's files, read into memory once at start with their .br and .gz: no request ever
 * touches the file system, so only names that were there can be asked for. Read-only afterwards;
 * any thread.
 */
#pragma once

#include "aggregator/http/request.h"
#include "aggregator/http/response.h"
#include "common/err.h"

struct static_files;

/* Reads everything under dir (hidden names and .vite left out). NULL and e on failure. */
struct static_files *static_files_load(const char *dir, struct err *e);
void static_files_free(struct static_files *files);

/*
 * Answers GET and HEAD: the file of that name, or the page itself (index.html) for a path that
 * looks like none, so that deep links work. Borrows the bytes. NULL when there is neither.
 */
struct http_response *static_files_answer(const struct static_files *files,
                                          const struct http_request *request);

/* The type by the name's ending. */
const char *static_content_type(const char *path);
/* True when the name carries a hash of the content ("/assets/app-D3adB33f.js"). */
bool static_is_hashed(const char *path);
