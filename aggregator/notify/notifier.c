/* The thread: note what was sent, give out, put together, send; then wait for news. */
#include "aggregator/notify/notifier.h"

#include "aggregator/notify/delivery.h"
#include "aggregator/notify/fanout.h"
#include "aggregator/notify/message.h"
#include "aggregator/notify/send.h"
#include "aggregator/store/pg.h"
#include "common/clock.h"

#define LOG_MODULE "notify"
#include "common/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PIECE_MS = 200, /* between looks at notifications */
    SOON_S = 1,     /* something waits for its time */
    LATER_S = 30,   /* nothing does; a notification wakes earlier */
    RETRY_S = 3,    /* after a failure, and while another holds the lock */
    PRUNE_S = 3600,
};

struct notifier {
    struct notifier_options options;
    pthread_t thread;
    atomic_bool stopping; /* set by notifier_close, read by the thread and by its transfers */
    struct pg *pg;        /* below: the thread's own */
    bool locked;
    struct outcome outcome; /* of a try that is not noted yet */
    uint64_t pruned_ns;     /* monotonic; 0: not yet */
};

/* A number that nobody else takes: "PKTn". */
static const char lock_sql[] = "SELECT CASE WHEN to_regclass('notify_item') IS NULL THEN false"
                               " ELSE pg_try_advisory_lock(1347114094) END";

static bool is_stopping(struct notifier *n)
{
    return atomic_load(&n->stopping);
}

static void rest(struct notifier *n, unsigned seconds)
{
    const struct timespec piece = {.tv_nsec = (long)PIECE_MS * NS_PER_MS};
    for (unsigned ms = 0; ms < seconds * 1000 && !is_stopping(n); ms += PIECE_MS) {
        if (n->locked && (pg_notified(n->pg) || !pg_is_usable(n->pg))) {
            return;
        }
        (void)nanosleep(&piece, NULL); /* woken early: looks again */
    }
}

static void disconnect(struct notifier *n)
{
    pg_close(n->pg);
    n->pg = NULL;
    n->locked = false;
}

static int take_lock(struct notifier *n, struct err *e)
{
    struct pg_rows *rows = pg_query(n->pg, lock_sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    n->locked = pg_bool(rows, 0, 0);
    pg_rows_free(rows);
    return n->locked ? pg_listen(n->pg, "notify", e) : 0;
}

/* True when this is the one that sends. */
static bool is_ready(struct notifier *n, struct err *e)
{
    if (n->pg != NULL && !pg_is_usable(n->pg)) {
        disconnect(n);
    }
    if (n->pg == NULL) {
        n->pg = pg_open(n->options.conninfo, "picket-aggregator notify", e);
    }
    if (n->pg != NULL && !n->locked && take_lock(n, e) != 0) {
        disconnect(n);
    }
    return n->locked;
}

/* Opens a sealed secret; "" stays "". */
static int unseal(struct notifier *n, const char *sealed, char secret[NOTIFIER_SECRET_SIZE],
                  struct err *e)
{
    secret[0] = '\0';
    return sealed[0] == '\0' ? 0 : n->options.unseal(n->options.arg, sealed, secret, e);
}

static int mail(struct notifier *n, const struct sender *sender, const struct delivery *d,
                struct err *e)
{
    char password[NOTIFIER_SECRET_SIZE];
    if (!d->has_server) {
        return err_set(e, ERR_CONFIG, "no mail server is set");
    }
    const struct mail letter = {
        .key = d->key,
        .from = d->sender,
        .to = d->address,
        .subject = d->subject,
        .text = d->body,
        .made_ms = d->made_ms,
    };
    char *message = mail_compose(&letter);
    struct send_mail order = {
        .host = d->host,
        .port = d->port,
        .security = d->security,
        .login = d->login,
        .password = password,
        .from = d->sender,
        .to = d->address,
        .message = message,
    };
    int result = -1;
    if (message == NULL) {
        (void)err_set(e, ERR_ARG, "an address of this message cannot be used");
    } else if (unseal(n, d->password, password, e) == 0) {
        result = send_mail(sender, &order, e);
    }
    explicit_bzero(password, sizeof password);
    free(message);
    return result;
}

static int hook(struct notifier *n, const struct sender *sender, const struct delivery *d,
                struct err *e)
{
    char secret[NOTIFIER_SECRET_SIZE];
    struct send_hook order = {
        .url = d->address,
        .secret = secret,
        .key = d->key,
        .body = d->body,
        .now_s = clock_wall_ns() / NS_PER_S,
    };
    int result = unseal(n, d->secret, secret, e) == 0 ? send_hook(sender, &order, e) : -1;
    explicit_bzero(secret, sizeof secret);
    return result;
}

static int note(struct notifier *n, struct err *e)
{
    if (n->outcome.id != 0 && delivery_note(n->pg, &n->outcome, e) != 0) {
        return -1; /* it stays in hand until the database is back */
    }
    n->outcome.id = 0;
    return 0;
}

static int send_one(struct notifier *n, const struct delivery *d, struct err *e)
{
    struct err why = {0};
    struct sender sender = {.ca_file = n->options.ca_file, .stopping = &n->stopping};
    int result = d->mail ? mail(n, &sender, d, &why) : hook(n, &sender, d, &why);
    if (result != 0 && is_stopping(n)) {
        return 0; /* broken off: it goes out after the next start */
    }
    n->outcome = (struct outcome){.id = d->id, .sent = result == 0, .why = why};
    if (result != 0) {
        log_warn(&why, "notification %lld was not taken", (long long)d->id);
    }
    return note(n, e);
}

static int send_due(struct notifier *n, struct err *e)
{
    while (!is_stopping(n)) {
        struct delivery d;
        if (delivery_next(n->pg, &d, e) != 0) {
            return -1;
        }
        if (d.rows == NULL) {
            return 0;
        }
        int result = send_one(n, &d, e);
        delivery_done(&d);
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

static int prune(struct notifier *n, struct err *e)
{
    uint64_t now = clock_mono_ns();
    if (n->pruned_ns != 0 && now - n->pruned_ns < (uint64_t)PRUNE_S * NS_PER_S) {
        return 0;
    }
    n->pruned_ns = now;
    return delivery_prune(n->pg, e);
}

static int turn(struct notifier *n, bool *waits, struct err *e)
{
    bool more = true;
    unsigned made = 0;
    if (note(n, e) != 0) {
        return -1;
    }
    while (more && !is_stopping(n)) {
        if (fanout_run(n->pg, &more, e) != 0) {
            return -1;
        }
    }
    if (fanout_messages(n->pg, &made, e) != 0 || send_due(n, e) != 0 || prune(n, e) != 0) {
        return -1;
    }
    return delivery_waits(n->pg, waits, e);
}

static void *notifier_main(void *arg)
{
    struct notifier *n = arg;
    (void)pthread_setname_np(pthread_self(), "notify"); /* only for the log */
    while (!is_stopping(n)) {
        struct err e = {0};
        bool waits = false;
        bool well = is_ready(n, &e) && turn(n, &waits, &e) == 0;
        if (!well && e.code != ERR_NONE && e.code != ERR_CLOSED) {
            log_error(&e, "notifications"); /* a database that is away is told by others */
        }
        if (!well && e.code == ERR_CLOSED) {
            disconnect(n);
        }
        rest(n, !well ? RETRY_S : waits ? SOON_S : LATER_S);
    }
    disconnect(n);
    return NULL;
}

struct notifier *notifier_open(const struct notifier_options *options, struct err *e)
{
    struct notifier *n = calloc(1, sizeof *n);
    if (n == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for notifications");
        return NULL;
    }
    n->options = *options;
    if (send_init(e) != 0) {
        free(n);
        return NULL;
    }
    if (pthread_create(&n->thread, NULL, notifier_main, n) != 0) {
        (void)err_set(e, ERR_NOMEM, "no thread for notifications");
        free(n);
        return NULL;
    }
    return n;
}

bool notifier_close(struct notifier *notifier, unsigned wait_ms)
{
    if (notifier == NULL) {
        return true;
    }
    const struct timespec end = clock_mono_in(wait_ms);
    atomic_store(&notifier->stopping, true);
    if (pthread_clockjoin_np(notifier->thread, NULL, CLOCK_MONOTONIC, &end) != 0) {
        return false;
    }
    free(notifier);
    return true;
}
