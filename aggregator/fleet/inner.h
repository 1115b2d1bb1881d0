/*
 * What the files of the fleet thread share; nobody else includes it. fleet.c is the thread and its
 * inbox, hear.c what agents say, judge.c what becomes of their state, outages.c who is told of it,
 * asks.c the questions put to them, probe.c whether their machines answer, members.c who is let in,
 * revoke.c who is thrown out, config.c what they are told to do.
 */
#pragma once

#include "aggregator/fleet/centre.h"
#include "aggregator/fleet/fleet.h"
#include "aggregator/fleet/instances.h"
#include "common/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

enum {
    FLEET_TICK_MS = 100,
    FLEET_PACE_MS = 5, /* what comes meanwhile is heard together: thousands of wake-ups cost more */
    FLEET_STALL_MS = 3000, /* between two ticks: then this process stood still */
    WATCH_LEASE_MS = 30000,
    WATCH_RENEW_MS = 10000,
};

enum message_kind {
    MESSAGE_UP = 1,
    MESSAGE_ANSWER,
    MESSAGE_ENROL,
    MESSAGE_LOGIN,   /* bytes: struct fleet_login */
    MESSAGE_REFUSAL, /* bytes: struct fleet_refusal */
    MESSAGE_BUS,     /* flag */
    MESSAGE_SYSTEM_UP,
    MESSAGE_DATABASE, /* flag */
    MESSAGE_REGISTRY,
    MESSAGE_SNAPSHOT,
    MESSAGE_ASK, /* bytes: struct query */
    MESSAGE_WATCH,
    MESSAGE_ADD,    /* bytes: struct agent_invite */
    MESSAGE_REVOKE, /* bytes: text of who does it */
    MESSAGE_CONFIG,
};

struct message {
    enum message_kind kind;
    bool flag;
    char name[NAME_MAX_LEN + 1];
    char word[96];
    uint64_t reply;
    void *bytes; /* owned */
    size_t len;
};

/* One question under way. */
struct ask {
    bool used;
    char name[NAME_MAX_LEN + 1];
    char req[24];
    uint64_t reply;
    uint64_t until_ns; /* monotonic */
};

/* Refused log-ins of one address and name, lately. */
struct refused {
    struct fleet_refusal last;
    unsigned count;
    uint64_t since_ns;
    uint64_t told_ns;
};
enum { REFUSED_MAX = 64 };

/* Somebody who revoked an agent and is told once NATS knows of it. */
struct revoked_reply {
    uint64_t reply;
    char name[NAME_MAX_LEN + 1];
};
enum { REVOKED_REPLIES_MAX = 32 };

struct fleet {
    struct fleet_options options;
    struct queue *inbox;
    struct queue *done; /* jobs that came back, struct job *: none may be lost */
    pthread_t thread;
    bool running;          /* the opener's own */
    _Atomic bool stopping; /* set by fleet_close, read by the thread */
    uv_loop_t loop;
    uv_async_t bell;           /* rung by queue_push */
    pthread_mutex_t bell_lock; /* guards bell_gone: a closed handle must not be rung */
    bool bell_gone;
    uv_timer_t ticker;
    uv_timer_t pace;    /* when it ends, the inbox is looked at without a bell */
    _Atomic bool paced; /* it runs; set by the thread, read by those who post */

    struct instances instances;
    struct table *sites;    /* outages.c's */
    uint64_t sites_seen_ns; /* monotonic, when they were last counted; 0: count now */
    struct centre centre;
    struct centre_view told_centre;
    bool centre_told;
    bool loaded;
    bool load_pending;
    bool load_again;        /* it changed while a load was under way */
    uint64_t load_asked_ns; /* monotonic */
    uint64_t ticked_ns;
    uint64_t seen_noted_ns;
    bool snapshot_wanted;       /* the web has asked for all and has not been told the end of it */
    bool untold;                /* some instances are */
    bool alerts_missed;         /* some were released without the web's knowing */
    bool bus_alert, many_alert; /* the centre's own alerts are engaged */
    uint64_t bus_lost_ns;

    char agg[20]; /* this aggregator in answers' subjects */
    uint64_t ask_number;
    struct ask asks[ASKS_MAX];
    struct refused refused[REFUSED_MAX];
    unsigned enrolling;  /* enrolments at the database */
    bool config_pending; /* documents for all are being made */
    bool config_again;   /* items changed meanwhile */

    struct probe *probes; /* under way */
    unsigned probe_count;

    struct revoked_reply revoked_replies[REVOKED_REPLIES_MAX];
    unsigned revoked_reply_count;
    uv_work_t push;  /* of the revocations */
    char *push_json; /* while under way */
    bool push_wanted;
    bool push_failed;
    uint64_t push_after_ns;
};

/* fleet.c */
/* Hands a job to the store; frees it and returns false when too many wait. */
bool fleet_submit(struct fleet *f, struct job *job);
/* Without room it is told at the next tick. */
void fleet_tell_instance(struct fleet *f, struct instance *i);
/* The same when only figures changed: nobody is woken for that. */
void fleet_tell_figures(struct fleet *f, struct instance *i);
/* Takes over what the event owns. False when the web had no room. */
bool fleet_tell(struct fleet *f, struct web_event *event);
/* The outcome is copied. */
void fleet_tell_outcome(struct fleet *f, enum web_event_kind kind, uint64_t reply,
                        const struct agent_outcome *outcome);
/* To dn.NAME.WORD. */
int fleet_send(struct fleet *f, const char *name, const char *word, const void *bytes, size_t len);

/* hear.c */
void hear_up(struct fleet *f, const struct message *m, uint64_t now_ns);
void hear_watch(struct fleet *f, const struct message *m, uint64_t now_ns);
void hear_login(struct fleet *f, const struct fleet_login *login, uint64_t now_ns);
void hear_welcome(struct fleet *f, const struct job *job);
void hear_refusal(struct fleet *f, const struct fleet_refusal *refusal, uint64_t now_ns);

/* judge.c */
/*
 * Steps the instance's state; a change becomes a row, an event, a log line and an alert. True when
 * the web has been told of the instance.
 */
bool judge(struct fleet *f, struct instance *i, struct presence_event event, uint64_t now_ns,
           const char *evidence);
void judge_all(struct fleet *f, uint64_t now_ns);
void judge_centre(struct fleet *f, uint64_t now_ns);
/* An alert that the centre raises or ends. */
struct judge_alert {
    unsigned kind;   /* enum alert_kind */
    unsigned action; /* enum alert_action */
    const char *key;
    const char *detail;
};
/* instance_id 0: about the centre itself. */
void judge_alert_about(struct fleet *f, int32_t instance_id, const char *name,
                       const struct judge_alert *alert);
/* The same for an instance in memory; NULL: about the centre itself. */
void judge_alert(struct fleet *f, const struct instance *i, unsigned kind, unsigned action,
                 const char *key, const char *detail);

/* About a site as a whole. */
void judge_alert_site(struct fleet *f, const char *site, unsigned kind, unsigned action,
                      const char *detail);

/* outages.c */
int outages_open(struct fleet *f, struct err *e);
void outages_close(struct fleet *f);
/* Its state has changed from this one. */
void outages_change(struct fleet *f, struct instance *i, enum presence_state from, uint64_t now_ns);
/* It is unreachable from now on, and no more. */
void outages_went(struct fleet *f, struct instance *i, const char *evidence, uint64_t now_ns);
void outages_came(struct fleet *f, struct instance *i);
/* Tells what there is to tell; a few times a second. */
void outages_judge(struct fleet *f, uint64_t now_ns);

/* asks.c */
void asks_put(struct fleet *f, const struct message *m, uint64_t now_ns);
void asks_answer(struct fleet *f, const struct message *m);
void asks_expire(struct fleet *f, uint64_t now_ns);

/* probe.c */
/* Asks the address of the instance; an answer becomes PRESENCE_EVENT_PROBED. */
void probe_start(struct fleet *f, const struct instance *i, uint64_t now_ns);
/* Gives up those that took too long; UINT64_MAX: all. */
void probe_expire(struct fleet *f, uint64_t now_ns);

/* members.c */
void members_load(struct fleet *f, uint64_t now_ns);
void members_loaded(struct fleet *f, const struct job *job, uint64_t now_ns);
void members_enrol(struct fleet *f, const struct message *m);
void members_enrolled(struct fleet *f, const struct job *job, uint64_t now_ns);
void members_renew(struct fleet *f, struct instance *i, const struct message *m, uint64_t now_ns);
void members_add(struct fleet *f, const struct message *m);
void members_added(struct fleet *f, const struct job *job, uint64_t now_ns);
/* Does the load that had to wait. */
void members_catch_up(struct fleet *f, uint64_t now_ns);

/* config.c */
/* Items changed, or instances came: makes every document anew that is not what it should be. */
void config_refresh(struct fleet *f);
void config_made(struct fleet *f, const struct job *job, uint64_t now_ns);
/* The agent's report, and what its heartbeat says. */
void config_report(struct fleet *f, struct instance *i, const struct message *m, uint64_t now_ns);
/* How often its rules were hit. */
void config_hits(struct fleet *f, const struct instance *i, const struct message *m);
void config_beat(struct fleet *f, struct instance *i, uint64_t revision, uint64_t now_ns);

/* revoke.c */
void revoke_ask(struct fleet *f, const struct message *m);
void revoke_done(struct fleet *f, const struct job *job, uint64_t now_ns);
/* Tells NATS which keys are revoked, when that changed or could not be told. */
void revoke_push(struct fleet *f, uint64_t now_ns);
