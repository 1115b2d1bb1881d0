/* Reading of live requests: {op, topic, since?} and nothing else. */
#include "aggregator/api/wish.h"

#include "common/wire/fields.h"

#include <string.h>

static int read_members(const json_t *object, struct wish *wish, struct err *e)
{
    struct fields f = fields_of(object, e);
    char op[8] = "";
    fields_text(&f, "op", op, sizeof op);
    fields_text(&f, "topic", wish->topic, sizeof wish->topic);
    wish->since = fields_u64_or(&f, "since", INT64_MAX, 0);
    wish->subscribes = strcmp(op, "sub") == 0;
    size_t known = json_object_get(object, "since") != NULL ? 3 : 2;
    if (!f.bad && json_object_size(object) != known) {
        fields_fault(&f, "", "there are members that are not known");
    }
    if (!f.bad && !wish->subscribes && strcmp(op, "unsub") != 0) {
        fields_fault(&f, "op", "is neither sub nor unsub");
    }
    return f.bad ? -1 : 0;
}

int wish_read(const void *text, size_t len, struct wish *wish, struct err *e)
{
    *wish = (struct wish){0};
    json_t *object = fields_parse(text, len, WISH_MAX, e);
    int result = object != NULL ? read_members(object, wish, e) : -1;
    json_decref(object);
    return result;
}
