#define LOG_MODULE "parent"
#include "agent/parent.h"

#include "agent/blame.h"
#include "agent/capture/source.h"
#include "agent/child.h"
#include "agent/control.h"
#include "agent/dpi/dpi.h"
#include "agent/engine.h"
#include "agent/figures.h"
#include "agent/limits.h"
#include "agent/reopen.h"
#include "agent/sandbox.h"
#include "agent/turns.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/wire/text.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TURN_MS = 500, ENGINE_STOP_MS = 1500, CONTROL_STOP_MS = 3000 };
#define HUNG_NS    (10ull * NS_PER_S) /* no turn of a worker's loop takes so long */
#define STUCK_NS   (30ull * NS_PER_S) /* nor does one of control's, slow disks included */
#define FIGURES_NS (5ull * NS_PER_S)
#define LOOK_NS    (15ull * NS_PER_S) /* a lost interface is looked for this often */

struct parent {
    struct settings *settings;
    const struct parent_options *options;
    struct engine_link link;
    struct control_start start;
    struct child engine;
    struct child control;
    int signals; /* signalfd */
    bool stopping;
    uint64_t progress[ENGINE_MAX_WORKERS];
    uint64_t moved_ns; /* when all workers were last seen to move */
    uint64_t turn_ns;  /* when we last looked ourselves */
    bool hung;         /* this engine stood still, and we killed it… */
    uint32_t hung_in;  /* …with this in hand */
    struct turns control_turns;
    struct notify notify;
    bool ready;  /* said so */
    bool failed; /* control could not start at all: nor can the agent */
    uint64_t figures_ns;
    struct reopen reopen;
    struct blame blame;
    uint64_t looked_ns;            /* for lost interfaces */
    bool told[ENGINE_MAX_SOURCES]; /* of a source that failed */
};

static int run_engine(void *arg)
{
    struct parent *p = arg;
    notify_close(&p->notify);
    icmp_close(&p->start.icmp); /* of the pollers: nothing for who reads packets */
    return engine_run(p->settings, &p->link);
}

static int run_control(void *arg)
{
    struct parent *p = arg;
    notify_close(&p->notify);
    return control_run(p->settings, &p->link, &p->start);
}

static void start_engine(struct parent *p, uint64_t now_ns)
{
    struct engine_health *health = p->link.health;
    engine_link_reset(&p->link);
    memset(p->progress, 0, sizeof p->progress);
    p->hung = false;
    p->moved_ns = now_ns;
    p->looked_ns = now_ns;
    atomic_fetch_add(&health->generation, 1); /* read by control */
    child_start(&p->engine, p->signals, now_ns);
    atomic_store(&health->engine_pid, p->engine.pid); /* read by control */
}

static void start_control(struct parent *p, uint64_t now_ns)
{
    struct engine_health *health = p->link.health;
    p->start.generation = atomic_fetch_add(&health->control_generation, 1) + 1;
    child_start(&p->control, p->signals, now_ns);
    atomic_store(&health->control_pid, p->control.pid);
}

/* The dissector that these workers have or had in hand; see blame.h. */
static uint32_t breadcrumb_of(const struct parent *p, const bool *marked)
{
    uint32_t crumbs[ENGINE_MAX_WORKERS];
    for (unsigned i = 0; i < p->link.workers; i++) {
        crumbs[i] = atomic_load(&p->link.lanes[i].stats->breadcrumb);
    }
    return blame_crumb(crumbs, marked, p->link.workers);
}

/* What an engine that ended so is to be blamed on; 0: nothing. */
static uint32_t cause_of(const struct parent *p, int status)
{
    if (p->hung) {
        return p->hung_in;
    }
    return blame_is_crash(status) ? breadcrumb_of(p, NULL) : 0;
}

/* Until the agent starts anew or its settings are read again. */
static void switch_off(struct parent *p, uint32_t breadcrumb)
{
    char name[PROTO_NAME_SIZE];
    struct err e = {0};
    dpi_protocol_name(breadcrumb - 1, name, sizeof name);
    if (name[0] == '\0' || settings_disable(p->settings, name, &e) != 0) {
        log_warn(&e, "the dissector at work in two deaths cannot be switched off");
        return;
    }
    atomic_store(&p->link.health->switched_off, breadcrumb);
    log_error(NULL, "two engines died in nDPI's dissector of %s: it is switched off", name);
}

static void note_engine_end(struct parent *p, int status, uint64_t now_ns)
{
    struct engine_health *health = p->link.health;
    uint32_t breadcrumb = cause_of(p, status);
    atomic_store(&health->last_exit, status);
    atomic_store(&health->last_breadcrumb, breadcrumb);
    atomic_store(&health->switched_off, 0);
    if (!p->stopping && !p->engine.wanted_end && blame_note(&p->blame, breadcrumb, now_ns)) {
        switch_off(p, breadcrumb);
    }
    atomic_store(&health->died_mono_ns, now_ns);
    atomic_store(&health->engine_pid, 0);
}

/* Control that ends by itself before it has turned once lacks what trying again does not bring. */
static void note_failed_start(struct parent *p, int status)
{
    bool by_itself = WIFEXITED(status) && WEXITSTATUS(status) != EXIT_SUCCESS;
    if (by_itself && !p->stopping && atomic_load(&p->link.health->control_turns) == 0) {
        log_error(NULL, "the agent does not start");
        p->failed = p->stopping = true;
    }
}

static void reap(struct parent *p, uint64_t now_ns)
{
    int status = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == p->engine.pid) {
            note_engine_end(p, status, now_ns);
            child_ended(&p->engine, status, p->stopping, now_ns);
        } else if (pid == p->control.pid) {
            atomic_store(&p->link.health->control_pid, 0);
            note_failed_start(p, status);
            child_ended(&p->control, status, p->stopping, now_ns);
        }
    }
}

/* Kills an engine whose loop stands still: a packet that never ends is a bug in a dissector. */
static void watch_engine(struct parent *p, bool slept, uint64_t now_ns)
{
    bool moved = true;
    bool stands[ENGINE_MAX_WORKERS];
    for (unsigned i = 0; i < p->link.workers; i++) {
        uint64_t progress = atomic_load(&p->link.lanes[i].stats->progress);
        stands[i] = progress == p->progress[i];
        moved = moved && !stands[i];
        p->progress[i] = progress;
    }
    if (moved || slept || p->engine.pid == 0) {
        p->moved_ns = now_ns;
    } else if (now_ns - p->moved_ns >= HUNG_NS) {
        log_error(NULL, "engine stands still for 10 s and is killed");
        p->hung = true;
        p->hung_in = breadcrumb_of(p, stands);
        atomic_fetch_add(&p->link.health->hung, 1);
        child_signal(&p->engine, SIGKILL);
        p->moved_ns = now_ns;
    }
}

/* Kills a control that stands still: its successor takes over from the spool. */
static void watch_control(struct parent *p, bool slept, uint64_t now_ns)
{
    uint64_t turns = atomic_load(&p->link.health->control_turns);
    bool excused = slept || p->control.pid == 0;
    if (turns_look(&p->control_turns, turns, excused, now_ns) >= STUCK_NS) {
        log_error(NULL, "control stands still for 30 s and is killed");
        child_signal(&p->control, SIGKILL);
        p->control_turns = (struct turns){0};
    }
}

static void watch_progress(struct parent *p, uint64_t now_ns)
{
    bool slept = now_ns - p->turn_ns > 4ull * TURN_MS * NS_PER_MS; /* stopped or starved */
    p->turn_ns = now_ns;
    watch_engine(p, slept, now_ns);
    watch_control(p, slept, now_ns);
}

/*
 * Ready when control has turned once: by then its folder, tables and uplink are open. A sign of
 * life leaves only while neither child stands still.
 */
static void tell_supervisor(struct parent *p, uint64_t now_ns)
{
    if (!p->ready && atomic_load(&p->link.health->control_turns) > 0) {
        notify_ready(&p->notify, "capturing; nothing listens here");
        p->ready = true;
    }
    if (p->ready && now_ns - p->moved_ns < HUNG_NS &&
        now_ns - p->control_turns.moved_ns < STUCK_NS) {
        notify_alive(&p->notify, now_ns);
    }
}

/* What a worker says of a source that failed; NULL for none. */
static const struct source_stats *failed_source(const struct parent *p, size_t source)
{
    for (unsigned i = 0; i < p->link.workers; i++) {
        const struct source_stats *stats = &p->link.lanes[i].stats->sources[source];
        if (atomic_load(&stats->state) == SOURCE_FAILED) {
            return stats;
        }
    }
    return NULL;
}

/* Once for each failure. The engine's memory is not to be trusted: cut and cleaned. */
static void tell_failure(struct parent *p, size_t source, const struct source_stats *failed)
{
    char why[ENGINE_TEXT_SIZE];
    if (failed != NULL && !p->told[source]) {
        memcpy(why, failed->error, sizeof why);
        why[sizeof why - 1] = '\0';
        text_clean(why, strlen(why));
        log_warn(NULL, "source %s failed: %s", p->settings->capture_sources.items[source], why);
    }
    p->told[source] = failed != NULL;
}

static void restart_engine(struct parent *p)
{
    p->engine.wanted_end = true;
    child_signal(&p->engine, SIGTERM);
}

static void watch_sources(struct parent *p, uint64_t now_ns)
{
    const struct conf_list *words = &p->settings->capture_sources;
    struct reopen_view views[ENGINE_MAX_SOURCES] = {0};
    if (now_ns - p->looked_ns < LOOK_NS || p->engine.pid == 0) {
        return;
    }
    p->looked_ns = now_ns;
    for (size_t i = 0; i < words->count && i < ENGINE_MAX_SOURCES; i++) {
        const struct source_stats *failed = failed_source(p, i);
        tell_failure(p, i, failed);
        views[i].failed = failed != NULL;
        views[i].usable = source_is_collector(words->items[i]) || reopen_is_usable(words->items[i]);
    }
    if (reopen_is_wanted(&p->reopen, views, words->count, now_ns)) {
        log_info(NULL, "a source that failed is tried again: the engine starts anew");
        restart_engine(p);
    }
}

static void measure(struct parent *p, uint64_t now_ns)
{
    if (now_ns - p->figures_ns < FIGURES_NS) {
        return;
    }
    p->figures_ns = now_ns;
    const pid_t pids[] = {getpid(), p->engine.pid, p->control.pid};
    struct figures figures = figures_read(pids, sizeof pids / sizeof pids[0]);
    atomic_store(&p->link.health->pss_bytes, figures.pss_bytes); /* read by control */
    atomic_store(&p->link.health->cpu_ms, figures.cpu_ms);
}

static void reload(struct parent *p)
{
    struct conf_faults faults = {0};
    struct settings *fresh = settings_load(p->options->config_path, &faults);
    if (fresh == NULL) {
        log_error(NULL, "reload refused, the old settings stay: %s",
                  faults.text == NULL ? "" : faults.text);
    } else {
        bool differs = settings_engine_differs(p->settings, fresh);
        bool waits = settings_adopt(p->settings, fresh);
        settings_free(fresh);
        log_set_level(settings_log_level(p->settings));
        log_info(NULL, "settings read again%s%s", differs ? "; the engine starts anew" : "",
                 waits ? "; some changes wait for a restart" : "");
        child_signal(&p->control, SIGHUP);
        if (differs) {
            restart_engine(p);
        }
    }
    conf_faults_done(&faults);
}

static void handle_signal(struct parent *p, int number, uint64_t now_ns)
{
    switch (number) {
    case SIGCHLD: reap(p, now_ns); break;
    case SIGHUP: reload(p); break;
    default: p->stopping = true; break; /* SIGTERM, SIGINT */
    }
}

/* Waits up to wait_ms for signals and handles all that came. */
static void wait_signals(struct parent *p, int wait_ms)
{
    struct pollfd fd = {.fd = p->signals, .events = POLLIN};
    struct signalfd_siginfo info;
    if (poll(&fd, 1, wait_ms) <= 0) {
        return;
    }
    while (read(p->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        handle_signal(p, (int)info.ssi_signo, clock_mono_ns());
    }
}

static int wait_ms(const struct parent *p, uint64_t now_ns)
{
    int ms = TURN_MS;
    ms = child_wait_ms(&p->engine, now_ns, ms);
    return child_wait_ms(&p->control, now_ns, ms);
}

static void stop_child(struct parent *p, struct child *child, unsigned patience_ms)
{
    uint64_t until_ns = clock_mono_ns() + (uint64_t)patience_ms * NS_PER_MS;
    child_signal(child, SIGTERM);
    while (child->pid != 0) {
        uint64_t now_ns = clock_mono_ns();
        if (now_ns >= until_ns) {
            log_warn(NULL, "%s does not end in time and is killed", child->name);
            child_signal(child, SIGKILL);
            until_ns = now_ns + NS_PER_S;
        }
        wait_signals(p, (int)((until_ns - now_ns) / NS_PER_MS) + 1);
    }
}

/* The engine first, so that its last flows are in the rings when control drains them. */
static void stop_all(struct parent *p)
{
    p->stopping = true;
    notify_stopping(&p->notify);
    stop_child(p, &p->engine, ENGINE_STOP_MS);
    stop_child(p, &p->control, CONTROL_STOP_MS);
}

static void supervise(struct parent *p)
{
    while (!p->stopping) {
        uint64_t now_ns = clock_mono_ns();
        if (child_is_due(&p->engine, now_ns)) {
            start_engine(p, now_ns);
        }
        if (child_is_due(&p->control, now_ns)) {
            start_control(p, now_ns);
        }
        watch_progress(p, now_ns);
        tell_supervisor(p, now_ns);
        watch_sources(p, now_ns);
        measure(p, now_ns);
        wait_signals(p, wait_ms(p, now_ns));
    }
}

static int open_signals(struct parent *p, struct err *e)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return err_set_errno(e, "cannot block signals");
    }
    p->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return p->signals >= 0 ? 0 : err_set_errno(e, "cannot make a signalfd");
}

static int fill_start(struct parent *p, struct err *e)
{
    uint64_t id[2];
    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id) {
        return err_set_errno(e, "no random boot id");
    }
    p->start.start_wall_ns = clock_wall_ns();
    p->start.start_mono_ns = clock_mono_ns();
    p->start.ledger_fd = p->options->ledger_fd;
    p->start.config_path = p->options->config_path;
    (void)snprintf(p->start.boot, sizeof p->start.boot, "%016" PRIx64 "%016" PRIx64, id[0], id[1]);
    return 0;
}

/* While the right to open them is there; without them echo probes say so. */
static void open_icmp(struct parent *p)
{
    struct err e = {0};
    if (icmp_open(&p->start.icmp, &e) != 0) {
        log_info(&e, "no echo probes");
    }
}

static int set_up(struct parent *p, struct err *e)
{
    open_icmp(p);
    if (engine_link_open(&p->link, (unsigned)p->settings->capture_workers, e) != 0 ||
        fill_start(p, e) != 0 || open_signals(p, e) != 0 ||
        notify_open(&p->notify, p->options->alive_file, e) != 0) {
        return -1;
    }
    return sandbox_parent(e);
}

int parent_run(struct settings *settings, const struct parent_options *options)
{
    struct err e = {0};
    struct parent p = {
        .settings = settings,
        .options = options,
        .signals = -1,
        .notify = {.socket = -1, .file = -1},
        .engine = {.name = "engine", .run = run_engine},
        .control = {.name = "control", .run = run_control},
    };
    p.engine.arg = &p;
    p.control.arg = &p;
    int status = 1;
    if (set_up(&p, &e) != 0) {
        log_error(&e, "the agent does not start");
    } else {
        char text[LIMITS_TEXT_SIZE];
        log_info(NULL, "agent \"%s\" starts", settings->name);
        log_info(NULL, "memory: %s", limits_text(settings, text));
        supervise(&p);
        stop_all(&p);
        log_info(NULL, "agent has stopped");
        status = p.failed ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    if (p.signals >= 0) {
        (void)close(p.signals); /* nothing to lose */
    }
    notify_close(&p.notify);
    icmp_close(&p.start.icmp);
    engine_link_close(&p.link);
    settings_free(p.settings);
    return status;
}
