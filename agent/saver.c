#define LOG_MODULE "saver"
#include "agent/saver.h"

#include "common/file.h"
#include "common/log.h"

#include <stdlib.h>

static void write_text(uv_work_t *work)
{
    struct saver *s = work->data;
    s->result = file_replace(s->path, s->text, s->len, 0600, &s->e);
}

static void start(struct saver *s);

static void written(uv_work_t *work, int status)
{
    struct saver *s = work->data;
    (void)status; /* we never cancel */
    s->busy = false;
    free(s->text);
    s->text = NULL;
    if (s->result != 0) {
        log_error(&s->e, "%s is not saved; tried again later", s->path);
        s->failed(s->arg);
    }
    if (s->next != NULL) {
        start(s);
    }
}

static void start(struct saver *s)
{
    s->text = s->next;
    s->len = s->next_len;
    s->next = NULL;
    s->work.data = s;
    s->e = (struct err){0};
    s->busy = true;
    if (uv_queue_work(s->loop, &s->work, write_text, written) != 0) {
        write_text(&s->work); /* without the pool: here */
        written(&s->work, 0);
    }
}

void saver_put(struct saver *s, char *text, size_t len)
{
    free(s->next); /* overtaken before it was begun */
    s->next = text;
    s->next_len = len;
    if (!s->busy) {
        start(s);
    }
}
