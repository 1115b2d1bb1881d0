/*
 * A tool of the build: writes the names that flows of this agent may carry as C, for the centre's
 * check of rules (aggregator/api/app_names.h). "list-app-names FILE".
 */
#include "agent/dpi/dpi.h"

#include <stdio.h>
#include <stdlib.h>

static void write_name(const char *name, void *arg)
{
    (void)fprintf(arg, "    \"%s\",\n", name); /* of letters, digits and signs; see the end */
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "w") : NULL;
    if (file == NULL) {
        (void)fprintf(stderr, "usage: list-app-names FILE\n");
        return EXIT_FAILURE;
    }
    (void)fprintf(file, "/* Made by agent/dpi/list_names.c. */\n"
                        "#include \"aggregator/api/app_names.h\"\n\n"
                        "const char *const app_names_apps[] = {\n");
    bool listed = dpi_each_name(DPI_NAMES_APPS, write_name, file);
    (void)fprintf(file, "    NULL,\n};\nconst char *const app_names_categories[] = {\n");
    listed = dpi_each_name(DPI_NAMES_CATEGORIES, write_name, file) && listed;
    (void)fprintf(file, "    NULL,\n};\n");
    bool failed = ferror(file) != 0; /* also of the lines above */
    return fclose(file) == 0 && !failed && listed ? EXIT_SUCCESS : EXIT_FAILURE;
}
