#include "agent/figures.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TEXT_SIZE = 2048 }; /* both files are shorter */

/* Reads a file of /proc as text; false when it is gone or forbidden. */
static bool read_proc(pid_t pid, const char *file, char *text)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file); /* always fits */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t len = read(fd, text, TEXT_SIZE - 1);
    (void)close(fd); /* only read from */
    text[len < 0 ? 0 : len] = '\0';
    return len > 0;
}

static uint64_t pss_of(pid_t pid)
{
    char text[TEXT_SIZE];
    if (!read_proc(pid, "smaps_rollup", text)) {
        return 0;
    }
    const char *line = strstr(text, "\nPss:");
    return line == NULL ? 0 : strtoull(line + 5, NULL, 10) * 1024;
}

/* Fields 14 to 17 of proc(5) stat: user and system time, own and of children waited for. */
static uint64_t cpu_of(pid_t pid)
{
    char text[TEXT_SIZE];
    uint64_t ticks[4] = {0};
    if (!read_proc(pid, "stat", text)) {
        return 0;
    }
    const char *at = strrchr(text, ')'); /* the name before it may hold anything */
    for (unsigned field = 2; at != NULL && field < 14; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL || sscanf(at, " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &ticks[0],
                             &ticks[1], &ticks[2], &ticks[3]) != 4) {
        return 0;
    }
    uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);
    return (ticks[0] + ticks[1] + ticks[2] + ticks[3]) * 1000 / per_second;
}

struct figures figures_read(const pid_t *pids, size_t count)
{
    struct figures sum = {0};
    for (size_t i = 0; i < count; i++) {
        if (pids[i] > 0) {
            sum.pss_bytes += pss_of(pids[i]);
            sum.cpu_ms += cpu_of(pids[i]);
        }
    }
    return sum;
}
