/* For tests/golden/geo.py: what agent/geo says of addresses, by the two files, line by line. */
#include "agent/geo/geo.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * look COUNTRY_FILE ASN_FILE: addresses on standard input; "state" tells how the files are, "why"
 * what is wrong with them, and after "hold" nobody looks whether they change.
 */
int main(int argc, char **argv)
{
    char line[128];
    bool hold = false;
    struct geo *g = argc == 3 ? geo_open(argv[1], argv[2], NULL) : NULL;
    if (g == NULL) {
        return 2;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct geo_place place;
        struct addr addr;
        line[strcspn(line, "\n")] = '\0';
        hold = hold || strcmp(line, "hold") == 0;
        if (!hold) {
            geo_refresh(g);
        }
        enum addr_family family = addr_parse(line, &addr);
        if (strcmp(line, "state") == 0) {
            struct geo_view country = geo_country_view(g), asn = geo_asn_view(g);
            printf("%s %s|%s %s\n", geo_state_name(country.state), country.type,
                   geo_state_name(asn.state), asn.type);
        } else if (strcmp(line, "why") == 0) {
            printf("%s|%s\n", geo_country_view(g).why, geo_asn_view(g).why);
        } else if (family != ADDR_NONE) {
            geo_find(g, (uint8_t)family, &addr, &place);
            printf("%s|%u|%s\n", place.country, place.asn, place.as_org);
        } else {
            puts("?");
        }
        (void)fflush(stdout); /* the test waits for the line */
    }
    geo_close(g);
    return 0;
}
