/*
 * The names of applications and categories that agents of this build know. A rule that names
 * another would never match, and nobody would be told: so it is refused with what is near. Pure.
 */
#pragma once

#include "common/wire/config_read.h"

#include <jansson.h>

/* Made at build time of what agents use; each ends with NULL. */
extern const char *const app_names_apps[];
extern const char *const app_names_categories[];

/* Looks at every list of names in the body of a rule or policy; other bodies have none. */
void app_names_check(const json_t *body, struct config_fault *fault);
