/* Unit tests of agent/qoe/calls. */
#include "agent/qoe/calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static struct calls *calls;

static int open_calls(void **state)
{
    (void)state;
    struct err e = {0};
    calls = calls_new(&e);
    return calls == NULL ? -1 : 0;
}

static int close_calls(void **state)
{
    (void)state;
    calls_free(calls);
    return 0;
}

static const char offer[] = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 49170 RTP/AVP 0 97\r\n"
                            "a=rtpmap:97 opus/48000/2\r\n";
static const char answer[] = "v=0\r\nc=IN IP4 198.51.100.2\r\nm=audio 30000 RTP/AVP 97\r\n"
                             "a=rtpmap:97 opus/48000/2\r\n";

static void say(const char *start, const char *id, const char *tag, const char *sequence,
                const char *sdp)
{
    char text[1024];
    int len = snprintf(text, sizeof text,
                       "%s\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nFrom: <sip:a@example.test>;tag=%s\r\n"
                       "To: <sip:b@example.test>\r\nCall-ID: %s\r\nCSeq: %s\r\n\r\n%s",
                       start, tag, id, sequence, sdp);
    struct sip_message m;
    assert_true(sip_read((const uint8_t *)text, (size_t)len, &m));
    calls_note(calls, &m, 1);
}

static void invite(const char *id)
{
    say("INVITE sip:b@example.test SIP/2.0", id, "one", "1 INVITE", offer);
}

static struct call_ref at(const char *text, uint16_t port)
{
    struct addr addr = {0};
    uint8_t family = (uint8_t)addr_parse(text, &addr);
    return calls_find(calls, family, &addr, port);
}

static void media_are_known_by_offer_and_answer(void **state)
{
    (void)state;
    invite("call@here");
    say("SIP/2.0 200 OK", "call@here", "one", "1 INVITE", answer);
    const struct call *caller = calls_at(calls, at("192.0.2.1", 49170));
    struct call_ref called = at("198.51.100.2", 30000);
    assert_non_null(caller);
    assert_ptr_equal(caller, calls_at(calls, called));
    assert_string_equal(caller->id, "call@here");
    assert_int_equal(caller->state, CALL_UP);
    uint32_t clock_hz = 0;
    assert_int_equal(calls_codec(calls, called, false, 97, &clock_hz), CODEC_OPUS);
    assert_int_equal(clock_hz, 48000);
    assert_int_equal(calls_codec(calls, called, false, 98, &clock_hz), CODEC_UNKNOWN);
    assert_null(calls_at(calls, at("192.0.2.1", 49172)));
}

/* Each end says what it wants to get, so a type may mean one thing there and another here. */
static void a_type_means_what_its_receiver_said(void **state)
{
    (void)state;
    static const char other[] = "v=0\r\nc=IN IP4 198.51.100.2\r\nm=audio 30000 RTP/AVP 97 98\r\n"
                                "a=rtpmap:97 iLBC/8000\r\na=rtpmap:98 speex/16000\r\n";
    invite("both");
    struct call_ref caller = at("192.0.2.1", 49170);
    uint32_t clock_hz = 0;
    assert_int_equal(calls_codec(calls, caller, true, 97, &clock_hz), CODEC_OPUS); /* no answer */
    say("SIP/2.0 200 OK", "both", "one", "1 INVITE", other);
    assert_int_equal(calls_codec(calls, caller, false, 97, &clock_hz), CODEC_OPUS);
    assert_int_equal(clock_hz, 48000);
    assert_int_equal(calls_codec(calls, caller, true, 97, &clock_hz), CODEC_ILBC);
    assert_int_equal(clock_hz, 8000);
    assert_int_equal(calls_codec(calls, at("198.51.100.2", 30000), false, 97, &clock_hz),
                     CODEC_ILBC);
    (void)calls_codec(calls, caller, false, 98, &clock_hz);
    assert_int_equal(clock_hz, 16000);
}

static void a_call_goes_through_its_states(void **state)
{
    (void)state;
    invite("states");
    const struct call *call = calls_at(calls, at("192.0.2.1", 49170));
    assert_int_equal(call->state, CALL_TRYING);
    say("SIP/2.0 100 Trying", "states", "one", "1 INVITE", "");
    assert_int_equal(call->state, CALL_TRYING);
    say("SIP/2.0 180 Ringing", "states", "one", "1 INVITE", "");
    assert_int_equal(call->state, CALL_RINGING);
    say("SIP/2.0 200 OK", "states", "one", "1 INVITE", answer);
    say("SIP/2.0 491 Request Pending", "states", "one", "2 INVITE", "");
    assert_int_equal(call->state, CALL_UP);
    say("BYE sip:a@example.test SIP/2.0", "states", "two", "1 BYE", "");
    assert_int_equal(call->state, CALL_OVER);
}

static void a_refused_call_failed_and_one_that_must_log_in_did_not(void **state)
{
    (void)state;
    invite("refused");
    const struct call *call = calls_at(calls, at("192.0.2.1", 49170));
    say("SIP/2.0 407 Proxy Authentication Required", "refused", "one", "1 INVITE", "");
    assert_int_equal(call->state, CALL_TRYING);
    say("SIP/2.0 486 Busy Here", "refused", "one", "2 INVITE", "");
    assert_int_equal(call->state, CALL_FAILED);
}

static void hold_is_known_by_its_side_and_ends(void **state)
{
    (void)state;
    static const char held[] = "c=IN IP4 198.51.100.2\r\nm=audio 30000 RTP/AVP 0\r\na=sendonly\r\n";
    invite("hold");
    say("SIP/2.0 200 OK", "hold", "one", "1 INVITE", answer);
    const struct call *call = calls_at(calls, at("192.0.2.1", 49170));
    say("INVITE sip:a@example.test SIP/2.0", "hold", "two", "7 INVITE", held);
    assert_int_equal(call->held, 2);
    say("INVITE sip:a@example.test SIP/2.0", "hold", "two", "8 INVITE", answer);
    assert_int_equal(call->held, 0);
}

static void a_registration_is_no_call(void **state)
{
    (void)state;
    say("REGISTER sip:example.test SIP/2.0", "register", "one", "1 REGISTER", "");
    say("SIP/2.0 200 OK", "register", "one", "1 REGISTER", offer);
    assert_null(calls_at(calls, at("192.0.2.1", 49170)));
}

static void a_flood_of_invitations_is_bounded_and_counted(void **state)
{
    (void)state;
    char id[32];
    for (unsigned i = 0; i < 20000; i++) {
        (void)snprintf(id, sizeof id, "flood-%u", i);
        invite(id);
    }
    assert_true(calls_evicted(calls) >= 20000 - 4096);
    assert_non_null(calls_at(calls, at("192.0.2.1", 49170))); /* the newest that said so */
}

static void a_call_id_is_clean_when_it_is_told(void **state)
{
    (void)state;
    invite("a\x01\xff"
           "b");
    assert_string_equal(calls_at(calls, at("192.0.2.1", 49170))->id, "a??b");
}

int main(void)
{
#define WITH_CALLS(test) cmocka_unit_test_setup_teardown(test, open_calls, close_calls)
    const struct CMUnitTest tests[] = {
        WITH_CALLS(media_are_known_by_offer_and_answer),
        WITH_CALLS(a_type_means_what_its_receiver_said),
        WITH_CALLS(a_call_goes_through_its_states),
        WITH_CALLS(a_refused_call_failed_and_one_that_must_log_in_did_not),
        WITH_CALLS(hold_is_known_by_its_side_and_ends),
        WITH_CALLS(a_registration_is_no_call),
        WITH_CALLS(a_flood_of_invitations_is_bounded_and_counted),
        WITH_CALLS(a_call_id_is_clean_when_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
