#include "agent/reopen.h"

#include "common/clock.h"

#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_PAUSE_NS   (15ull * NS_PER_S)
#define LONGEST_PAUSE_NS (600ull * NS_PER_S)

/* Begins the pauses with the first failure. */
static void plan(struct reopen *r, bool any_failed, uint64_t now_ns)
{
    if (!any_failed) {
        r->pause_ns = 0;
    } else if (r->pause_ns == 0) {
        r->pause_ns = FIRST_PAUSE_NS;
        r->due_ns = now_ns + r->pause_ns;
    }
}

static void wait_longer(struct reopen *r, uint64_t now_ns)
{
    r->pause_ns = r->pause_ns * 2 < LONGEST_PAUSE_NS ? r->pause_ns * 2 : LONGEST_PAUSE_NS;
    r->due_ns = now_ns + r->pause_ns;
}

bool reopen_is_wanted(struct reopen *r, const struct reopen_view *sources, size_t count,
                      uint64_t now_ns)
{
    bool any_failed = false;
    bool openable = false;
    bool returned = false;
    for (size_t i = 0; i < count && i < ENGINE_MAX_SOURCES; i++) {
        bool may_open = sources[i].failed && sources[i].usable;
        any_failed = any_failed || sources[i].failed;
        openable = openable || may_open;
        returned = returned || (may_open && r->missing[i]);
        r->missing[i] = !sources[i].usable;
    }
    plan(r, any_failed, now_ns);
    if (!returned && !(openable && now_ns >= r->due_ns)) {
        return false;
    }
    wait_longer(r, now_ns);
    return true;
}

bool reopen_is_usable(const char *interface)
{
    struct ifreq request = {0};
    size_t len = strlen(interface);
    int fd = len < sizeof request.ifr_name ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0) {
        return false;
    }
    memcpy(request.ifr_name, interface, len);
    bool up = ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
    (void)close(fd); /* only asked */
    return up;
}
