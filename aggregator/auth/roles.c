/* The names of roles and the form of user names. */
#include "aggregator/auth/roles.h"

#include <stddef.h>
#include <string.h>

static const char *const role_names[] = {
    [ROLE_NONE] = "none",
    [ROLE_VIEWER] = "viewer",
    [ROLE_OPERATOR] = "operator",
    [ROLE_ADMIN] = "admin",
};

const char *role_name(enum role role)
{
    return role <= ROLE_ADMIN ? role_names[role] : role_names[ROLE_NONE];
}

enum role role_by_name(const char *name)
{
    for (enum role role = ROLE_VIEWER; role <= ROLE_ADMIN; role++) {
        if (strcmp(name, role_names[role]) == 0) {
            return role;
        }
    }
    return ROLE_NONE;
}

bool user_name_is_valid(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strlen(name);
    return len > 0 && len <= USER_NAME_MAX && strchr(first, name[0]) != NULL &&
           strspn(name, rest) == len;
}
