#define LOG_MODULE "control"
#include "agent/control_assets.h"

#include "agent/detect/host_asset.h"
#include "common/clock.h"
#include "common/log.h"

#include <stdio.h>

static void on_publish(const struct wire_asset *asset, void *arg)
{
    struct control *c = arg;
    struct err e = {0};
    if (uplink_asset(c->uplink, asset, &e) != 0) {
        log_warn(&e, "an asset is not kept");
    }
}

static void on_finding(const struct finding *finding, void *arg)
{
    struct control *c = arg;
    alert_engine_take(c->alerts, finding);
}

static void on_event(const struct asset_event *event, void *arg)
{
    const struct finding_sink out = {.take = on_finding, .arg = arg};
    host_asset_judge(event, &out);
}

static void on_sighting(const struct sighting *sighting, void *arg)
{
    struct control *c = arg;
    assets_sighted(c->assets, sighting);
}

static struct asset_rules rules_of(const struct settings *s)
{
    return (struct asset_rules){
        .learn_ns = (uint64_t)s->assets_learn * NS_PER_MS,
        .learn_service_ns = (uint64_t)s->assets_learn_services * NS_PER_MS,
        .offline_ns = (uint64_t)s->assets_offline_after * NS_PER_MS,
        .always_on_ns = (uint64_t)s->assets_always_on * NS_PER_MS,
    };
}

static struct networks local_of(const struct settings *s)
{
    return (struct networks){.prefixes = s->local, .count = s->local_count};
}

static void on_save(char *text, size_t len, void *arg)
{
    struct control *c = arg;
    saver_put(&c->assets_saver, text, len);
}

static void on_unsaved(void *arg)
{
    struct control *c = arg;
    assets_unsaved(c->assets);
}

int control_assets_open(struct control *c, uint64_t now_ns, struct err *e)
{
    const struct settings *s = c->settings;
    int len = snprintf(c->assets_path, sizeof c->assets_path, "%s/assets.jsonl", s->spool_dir);
    if (len < 0 || (size_t)len >= sizeof c->assets_path) {
        return err_set(e, ERR_CONFIG, "spool.dir: the path is too long");
    }
    struct asset_options options = {
        .path = c->assets_path,
        .vendors = s->assets_vendors,
        .max = (size_t)s->assets_max,
        .local = local_of(s),
        .rules = rules_of(s),
        .sink = {.publish = on_publish, .event = on_event, .save = on_save, .arg = c},
    };
    c->assets_saver =
        (struct saver){.loop = &c->loop, .path = c->assets_path, .failed = on_unsaved, .arg = c};
    c->intake.sighting = on_sighting;
    c->assets = assets_open(&options, now_ns, e);
    return c->assets == NULL ? -1 : 0;
}

void control_assets_reload(struct control *c)
{
    struct asset_rules rules = rules_of(c->settings);
    assets_set(c->assets, local_of(c->settings), &rules);
}
