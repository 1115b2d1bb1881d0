#define LOG_MODULE "control"
#include "agent/control_parts.h"

#include "agent/control_assets.h"
#include "agent/sandbox.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { DISK_SHARE = 80 /* per cent of a small disk that the spool may take */ };

static struct detect_settings detect_settings_of(struct control *c, const struct settings *s)
{
    return (struct detect_settings){
        .scan_ports = (unsigned)s->detect_scan_ports,
        .scan_hosts = (unsigned)s->detect_scan_hosts,
        .window_ns = (uint64_t)s->detect_window * NS_PER_MS,
        .policies = &c->policies,
    };
}

static int enter_sandbox(struct control *c, struct err *e)
{
    const char *const writable[] = {c->settings->spool_dir};
    struct sandbox_state walls = {0};
    if (sandbox_control(writable, 1, &walls, e) != 0) {
        return err_wrap(e, "sandbox of control");
    }
    (void)sandbox_describe(&walls, c->walls, sizeof c->walls);
    log_info(NULL, "control: %s", c->walls);
    return 0;
}

static bool is_local(enum addr_family family, const struct addr *addr, void *arg)
{
    const struct control *c = arg;
    return settings_is_local(c->settings, family, addr);
}

static void note_exporter(const struct exporter_view *view, void *arg)
{
    struct control *c = arg;
    exporters_take(&c->exporters, view);
}

static int open_tables(struct control *c, const struct control_calls *calls, struct err *e)
{
    const struct settings *s = c->settings;
    uint64_t now_ns = clock_wall_ns();
    int len = snprintf(c->alerts_path, sizeof c->alerts_path, "%s/alerts.json", s->spool_dir);
    if (len < 0 || (size_t)len >= sizeof c->alerts_path) {
        return err_set(e, ERR_CONFIG, "spool.dir: the path is too long");
    }
    struct networks local = {.prefixes = s->local, .count = s->local_count};
    struct detect_settings detect = detect_settings_of(c, s);
    struct finding_sink findings = {.take = calls->finding, .arg = c};
    struct alert_options alerts = {
        .path = c->alerts_path, .name = s->name, .take = calls->alert, .arg = c};
    c->intake = (struct intake){
        .account = calls->account, .record = calls->record, .exporter = note_exporter, .arg = c};
    c->geo = geo_open(s->geo_country, s->geo_asn, e);
    c->hosts = c->geo == NULL ? NULL : host_table_new((size_t)s->hosts_max, local, e);
    c->counters = c->hosts == NULL ? NULL : counters_new(now_ns, calls->counter, is_local, c, e);
    c->alerts = c->counters == NULL ? NULL : alert_engine_open(&alerts, now_ns, e);
    bool rules = c->alerts != NULL && policies_open(&c->policies, is_local, c, e) == 0;
    c->rules = atomic_load(&c->link->health->rules); /* of a control before this one */
    c->detectors = !rules ? NULL : detectors_open(&detect, findings, e);
    c->flow_alerts_before = atomic_load(&c->link->health->flow_alerts);
    health_init(&c->health, c->start->boot, c->start->start_mono_ns,
                atomic_load(&c->link->health->beats));
    return c->detectors == NULL ? -1 : control_assets_open(c, now_ns, e);
}

static int open_uplink(struct control *c, const struct control_calls *calls, struct err *e)
{
    const struct settings *s = c->settings;
    struct uplink_options options = {
        .loop = &c->loop,
        .name = s->name,
        .token_file = s->token_file,
        .urls = (const char *const *)s->nats_urls.items,
        .url_count = s->nats_urls.count,
        .ca_file = s->nats_ca,
        .state_dir = s->spool_dir,
        .cap_bytes = c->spool_cap,
        .ledger_fd = c->start->ledger_fd,
        .boot = c->start->boot,
        .start_mono_ns = c->start->start_mono_ns,
        .restarted = c->start->generation > 1,
        .consumers = c->consumers,
        .consumer_count = control_consumers(c, c->consumers),
        .on_question = calls->question,
        .arg = c,
    };
    c->uplink = uplink_open(&options, e);
    return c->uplink == NULL ? -1 : 0;
}

static int open_drill(struct control *c, const struct control_calls *calls, struct err *e)
{
    struct answer_sink sink = {.send = calls->answer, .arg = c};
    c->drill = (struct drill){
        .name = c->settings->name,
        .walls = c->walls,
        .link = c->link,
        .hosts = c->hosts,
        .geo = c->geo,
        .assets = c->assets,
        .alerts = c->alerts,
        .health = &c->health,
        .uplink = c->uplink,
        .flows = drill_flows_new(c->link, c->geo, sink, e),
        .sink = sink,
    };
    return c->drill.flows == NULL ? -1 : 0;
}

/* On a disk that is smaller than the setting the oldest must go before the disk is full. */
static int choose_cap(struct control *c, struct err *e)
{
    uint64_t room = 0;
    c->spool_cap = (uint64_t)c->settings->spool_cap;
    if (folder_room(c->settings->spool_dir, &room, e) != 0) {
        return -1;
    }
    uint64_t most = room / 100 * DISK_SHARE;
    if (c->spool_cap > most && most > 0) {
        log_warn(NULL,
                 "spool.cap is more than the disk of %s can hold: %" PRIu64 " bytes are used of it",
                 c->settings->spool_dir, most);
        c->spool_cap = most;
    }
    return 0;
}

int control_parts_open(struct control *c, const struct control_calls *calls, struct err *e)
{
    poller_start(); /* while there is one thread */
    int result = uv_loop_init(&c->loop);
    if (result != 0) {
        return err_set(e, ERR_IO, "no event loop: %s", uv_err_name(result));
    }
    tzset(); /* policies hold by local time, and its file cannot be read from the sandbox */
    /* The sandbox lets control write in this folder alone, so it must be there before. */
    if (folder_make(c->settings->spool_dir, 0700, e) != 0) {
        return err_wrap(e, "spool.dir (name a folder that the agent may make and write in)");
    }
    if (choose_cap(c, e) != 0 || enter_sandbox(c, e) != 0 || open_tables(c, calls, e) != 0 ||
        control_poll_open(c, e) != 0 || open_uplink(c, calls, e) != 0) {
        return -1;
    }
    return open_drill(c, calls, e);
}

void control_parts_close(struct control *c)
{
    control_poll_close(c);
    drill_flows_free(c->drill.flows);
    detectors_close(c->detectors);
    control_rules_done(c);
    alert_engine_close(c->alerts);
    counters_free(c->counters);
    assets_close(c->assets);
    host_table_free(c->hosts);
    geo_close(c->geo);
    settings_free(c->reloaded);
    (void)uv_run(&c->loop, UV_RUN_NOWAIT); /* where it never ran, closed handles wait for this */
    (void)uv_loop_close(&c->loop);         /* busy only then, and then the process ends */
}

void control_reload(struct control *c)
{
    struct conf_faults faults = {0};
    struct settings *fresh = settings_load(c->start->config_path, &faults);
    if (fresh == NULL) {
        log_error(NULL, "settings not taken over: %s", faults.text);
        conf_faults_done(&faults);
        return;
    }
    conf_faults_done(&faults);
    struct detect_settings detect = detect_settings_of(c, fresh);
    struct networks local = {.prefixes = fresh->local, .count = fresh->local_count};
    log_set_level(settings_log_level(fresh));
    detectors_set(c->detectors, &detect);
    host_table_set_local(c->hosts, local);
    geo_set(c->geo, fresh->geo_country, fresh->geo_asn);
    settings_free(c->reloaded);
    c->reloaded = fresh;
    c->reloads++;
    c->settings = fresh;
    control_assets_reload(c);
    log_info(NULL, "settings taken over: log level, local networks, detectors, assets, countries");
}
