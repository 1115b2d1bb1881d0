/* Writes docs/alerts.md to standard output: the catalogue of alert kinds for people to read. */
#include "common/alert_kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_attack(const struct alert_kind_info *kind)
{
    if (kind->technique[0] == '\0') {
        return;
    }
    /* The address of sub-technique T1110.001 is …/T1110/001. */
    const char *dot = strchr(kind->technique, '.');
    int len = dot == NULL ? (int)strlen(kind->technique) : (int)(dot - kind->technique);
    printf("; ATT&CK [%s](https://attack.mitre.org/techniques/%.*s%s%s) (%s)", kind->technique, len,
           kind->technique, dot == NULL ? "" : "/", dot == NULL ? "" : dot + 1, kind->tactic);
}

static void write_kind(const struct alert_kind_info *kind)
{
    printf("\n### %u. %s\n\n`%s`: family %s, severity %s, score %u", (unsigned)kind->id,
           kind->title, kind->name, kind->family, alert_severity_name(kind->severity),
           (unsigned)kind->score);
    write_attack(kind);
    printf("\n\n%s\n\n*What to do:* %s\n", kind->meaning, kind->remedy);
}

int main(void)
{
    printf("# Alerts\n\n"
           "Generated from `common/alert_kinds.def` by the build target `docs-alerts`; do not "
           "edit.\nThe number of a kind is permanent. The score is 1 to 250; the severity follows "
           "from it.\n");
    for (size_t i = 0; i < alert_kind_count(); i++) {
        write_kind(alert_kind_at(i));
    }
    return ferror(stdout) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
