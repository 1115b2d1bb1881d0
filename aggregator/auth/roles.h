/* Who people are: the three roles, each of which may do all that those before it may. */
#pragma once

#include <stdbool.h>

enum role {
    ROLE_NONE = 0, /* not signed in */
    ROLE_VIEWER,   /* reads */
    ROLE_OPERATOR, /* also works on alerts */
    ROLE_ADMIN,    /* also adds and removes instances and users */
};

/* "viewer", "operator", "admin"; "none" for anything else. */
const char *role_name(enum role role);
/* ROLE_NONE when the word names no role. */
enum role role_by_name(const char *name);

enum { USER_NAME_MAX = 63 };
/* True for [a-z0-9][a-z0-9._-]{0,62}. */
bool user_name_is_valid(const char *name);
