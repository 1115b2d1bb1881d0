/*
 * The one line that tells what a flow was about: "GET /index.html 200", "A NOERROR", "TLSv1.3 h2".
 * Texts come from the wire, so only printable ASCII leaves. info buffers hold DPI_INFO_SIZE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies at most from_size bytes up to a NUL; what is not printable ASCII becomes '?'. */
void dpi_info_text(const char *from, size_t from_size, char *to, size_t to_size);

/* The path without its query, which may carry secrets; status 0: not answered yet. */
void dpi_info_http(const char *method, const char *url, unsigned status, char *info);
void dpi_info_dns(unsigned type, bool answered, unsigned code, char *info);
/* version as on the wire (0x0304); alpn may be NULL. */
void dpi_info_tls(unsigned version, const char *alpn, char *info);
/* Client's text, then the server's, when there is one. */
void dpi_info_pair(const char *client, const char *server, char *info);
