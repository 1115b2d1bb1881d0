/*
 * What uplink.c (life, and what control hands over) and talk.c (the conversation with the centre)
 * share. Nobody else includes it. Everything on the loop's thread.
 */
#pragma once

#include "agent/uplink/enrol.h"
#include "agent/uplink/identity.h"
#include "agent/uplink/inbox.h"
#include "agent/uplink/publish.h"
#include "agent/uplink/remote_config.h"
#include "agent/uplink/spool.h"
#include "agent/uplink/uplink.h"

struct uplink {
    uv_loop_t *loop;
    char *name;
    char *token_file;
    char **urls;
    size_t url_count;
    char *ca_file;
    char boot[BOOT_ID_SIZE];
    char run[CONFIG_RUN_SIZE]; /* random id of this run of control */
    uint64_t start_mono_ns;
    bool restarted; /* until the first welcome */
    uplink_question_fn on_question;
    uplink_watch_fn on_watch;
    void *arg;

    struct identity identity;
    struct enrol enrol;
    struct remote_config *config;
    struct spool *spool;
    struct publish *publish;
    struct inbox *inbox;
    struct bus *bus; /* the token's while enrolling, then our own; NULL without either */
    uv_timer_t tick;
    uv_prepare_t before_wait;

    bool connected, welcomed;
    enum heartbeat_form heartbeat; /* what the centre reads, once we are welcomed */
    uint64_t hello_ms;             /* when to say it again */
    uint64_t token_ms;             /* when to look for a token again */
    uint64_t save_ms;              /* when to save what was acknowledged */
    uint64_t watch_until_ms;       /* 0: nobody watches */
    uint64_t denied;
    uint64_t renew_ms;       /* when to ask for a longer identity again */
    char renew_nonce[40];    /* of the last question; "": none */
    uint8_t renew_share;     /* random: not all agents of a fleet renew at one time */
    unsigned refusals;       /* of our identity by the server, since the last connection */
    bool anew;               /* the identity on disk was given up for a new token… */
    bool give_back;          /* …which did not help */
    char tried_token[65];    /* hash of that token */
    uint64_t centre_ns;      /* the centre's clock when it welcomed us; 0: it did not tell */
    uint64_t centre_mono_ns; /* our monotonic clock at that time */
    unsigned parts;          /* inbox, publish and tick, while they live */
};

/* Connects as who we are, or with the token when we are nobody yet. */
void talk_begin(struct uplink *u);
/* Closes the connection, with a goodbye when bye. */
void talk_end(struct uplink *u, bool bye);
/* What the inbox hands over. */
void talk_event(enum bus_event event, const char *text, void *uplink);
void talk_message(const char *subject, const void *bytes, size_t len, void *uplink);
/* Enrolment, hello and the watch lease; a few times a second. */
void talk_tick(struct uplink *u);
/* Closes the connection and connects anew as who we are now. */
void talk_rejoin(struct uplink *u);
/* The same as nobody, to enrol. */
void talk_part(struct uplink *u);
/* The new token did not help: the identity on disk may still be good. */
void renew_give_back(struct uplink *u);
/* In time before our identity expires asks for a longer one, and begins anew when it is refused. */
void renew_tick(struct uplink *u);
/* The answer. */
void renew_take(struct uplink *u, const void *bytes, size_t len, struct err *e);
/* Sends on pk.v1.up.SHARD.NAME.word; len 0 says that the message did not fit its buffer. */
int talk_send(struct uplink *u, const char *word, const void *bytes, size_t len, struct err *e);
