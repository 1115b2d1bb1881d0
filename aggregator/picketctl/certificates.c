/* certificate issue, list: by the authority in the centre's folder. */
#include "aggregator/picketctl/ctl.h"

#include "aggregator/auth/certificate.h"
#include "common/clock.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAY_S = 86400 };

int ctl_certificate_issue(struct ctl *ctl, const char *const *arguments, struct err *e)
{
    const char *stem = arguments[0];
    const char *dir = ctl->settings.dir;
    if (certificate_issue(dir, stem, ctl->names, ctl->name_count, e) != 0) {
        return -1;
    }
    printf("%s/%s.pem is new; who uses it has to be reloaded or started again\n", dir, stem);
    return 0;
}

static int is_certificate(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && strcmp(entry->d_name + len - 4, ".pem") == 0;
}

static void print_one(const struct ctl *ctl, const char *name)
{
    char path[PATH_MAX], until[32] = "";
    struct certificate_facts facts;
    struct err e = {0};
    struct tm day;
    int len = snprintf(path, sizeof path, "%s/%s", ctl->settings.dir, name);
    if (len < 0 || (size_t)len >= sizeof path || certificate_facts(path, &facts, &e) != 0) {
        printf("%-16s %s\n", name, e.what);
        return;
    }
    time_t expires = (time_t)facts.expires_s;
    if (gmtime_r(&expires, &day) != NULL) {
        (void)strftime(until, sizeof until, "%Y-%m-%d", &day); /* fits */
    }
    long days = ((long)expires - (long)(clock_wall_ns() / NS_PER_S)) / DAY_S;
    printf("%-16s %-10s %5ld days  %s\n", name, until, days, facts.names);
}

int ctl_certificate_list(struct ctl *ctl, const char *const *arguments, struct err *e)
{
    struct dirent **names = NULL;
    (void)arguments; /* none */
    int count = scandir(ctl->settings.dir, &names, is_certificate, alphasort);
    if (count < 0) {
        return err_set_errno(e, "cannot read %s", ctl->settings.dir);
    }
    printf("%-16s %-10s %10s  %s\n", "file", "until", "left", "names");
    for (int i = 0; i < count; i++) {
        print_one(ctl, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return 0;
}
