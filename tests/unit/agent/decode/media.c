/* Unit tests of agent/decode/rtp, sip and codec. */
#include "agent/decode/rtp.h"
#include "agent/decode/sip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void an_rtp_header_is_read_past_its_extension(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x91, 0xe0, 0x12, 0x34, 0,    0, 1, 2, 0xde, 0xad, 0xbe, 0xef, 1,
                             2,    3,    4,    0xbe, 0xde, 0, 1, 9, 9,    9,    9,    'x',  'y'};
    struct rtp_packet p;
    assert_true(rtp_read(bytes, sizeof bytes, &p));
    assert_int_equal(p.type, 96);
    assert_true(p.marker);
    assert_int_equal(p.seq, 0x1234);
    assert_int_equal(p.stamp, 0x102);
    assert_int_equal(p.ssrc, 0xdeadbeef);
    assert_int_equal(p.media_len, 2);
    assert_false(rtp_read(bytes, sizeof bytes - 4, &p)); /* the extension is cut */
}

static void what_shares_the_port_is_no_rtp(void **state)
{
    (void)state;
    struct rtp_packet p;
    const uint8_t stun[20] = {0, 1};
    const uint8_t dtls[20] = {22, 0xfe};
    const uint8_t rtcp[20] = {0x80, 200};
    const uint8_t reserved[20] = {0x80, 40};
    assert_false(rtp_read(stun, sizeof stun, &p));
    assert_false(rtp_read(dtls, sizeof dtls, &p));
    assert_false(rtp_read(rtcp, sizeof rtcp, &p));
    assert_false(rtp_read(reserved, sizeof reserved, &p));
    assert_false(rtp_read((const uint8_t[]){0x80, 0}, 2, &p));
    assert_true(rtcp_begins(rtcp, sizeof rtcp));
    assert_false(rtcp_begins(stun, sizeof stun));
}

/* A sender report with one report block, then VoIP metrics. */
static const uint8_t compound[] = {
    0x81, 200, 0, 12, 0,    0,    0,    5,    1, 2, 0xAA, 0xBB, 0xCC, 0xDD, 3, 4,  0, 0, 0, 0,
    0,    0,   0, 0,  0,    0,    0,    0,    0, 0, 0,    9,    25,   0,    0, 7,  0, 1, 0, 200,
    0,    0,   0, 0,  0x11, 0x22, 0x33, 0x44, 0, 1, 0,    0,    0x80, 207,  0, 10, 0, 0, 0, 5,
    7,    0,   0, 8,  0,    0,    0,    9,    0, 0, 0,    0,    0,    0,    0, 0,  0, 0, 0, 0,
    0,    0,   0, 0,  0,    0,    41,   39,   0, 0, 0,    0,    0,    0,    0, 0};

static void a_report_tells_losses_delay_and_opinion(void **state)
{
    (void)state;
    struct rtcp_packet r;
    assert_true(rtcp_read(compound, sizeof compound, &r));
    assert_int_equal(r.ssrc, 5);
    assert_true(r.sends);
    assert_int_equal(r.sender_stamp, 0xAABBCCDD);
    assert_int_equal(r.reports, 1);
    assert_int_equal(r.report[0].about, 9);
    assert_int_equal(r.report[0].lost, 7);
    assert_int_equal(r.report[0].highest, 0x000100c8);
    assert_int_equal(r.report[0].sender_stamp, 0x11223344);
    assert_int_equal(r.report[0].delay, 65536);
    assert_int_equal(r.rated, 9);
    assert_int_equal(r.mos, 390);
}

static void losses_may_be_less_than_none(void **state)
{
    (void)state;
    uint8_t bytes[sizeof compound];
    memcpy(bytes, compound, sizeof bytes);
    bytes[33] = bytes[34] = bytes[35] = 0xff;
    struct rtcp_packet r;
    assert_true(rtcp_read(bytes, sizeof bytes, &r));
    assert_int_equal(r.report[0].lost, -1);
}

static void a_cut_report_is_passed_over(void **state)
{
    (void)state;
    struct rtcp_packet r;
    for (size_t len = 0; len < sizeof compound; len++) {
        (void)rtcp_read(compound, len, &r);
        assert_true(r.reports <= 1);
    }
    assert_false(rtcp_read(compound, 7, &r));
}

static bool read_text(const char *text, struct sip_message *m)
{
    return sip_begins((const uint8_t *)text, strlen(text)) &&
           sip_read((const uint8_t *)text, strlen(text), m);
}

static void an_invitation_is_read_with_its_media(void **state)
{
    (void)state;
    struct sip_message m;
    assert_true(read_text("INVITE sip:bob@example.test SIP/2.0\r\n"
                          "From: \"A;tag=no\" <sip:a@example.test;tag=neither>;tag=1928\r\n"
                          "Call-ID:  a84b4c76e66710@pc33 \r\n"
                          "CSeq: 314159 INVITE\r\n\r\n"
                          "v=0\r\nc=IN IP4 192.0.2.101\r\nm=audio 49172 RTP/AVP 0 9 96\r\n"
                          "a=rtpmap:96 AMR-WB/16000\r\nm=video 0 RTP/AVP 31\r\n"
                          "m=video 5002 RTP/AVP 97\r\nc=IN IP6 2001:db8::1\r\n"
                          "a=rtpmap:97 H264/90000\r\na=inactive\r\n",
                          &m));
    assert_int_equal(m.method, SIP_INVITE);
    assert_int_equal(m.status, 0);
    assert_memory_equal(m.call_id, "a84b4c76e66710@pc33", m.call_id_len);
    assert_int_equal(m.call_id_len, strlen("a84b4c76e66710@pc33"));
    assert_memory_equal(m.from_tag, "1928", m.from_tag_len);
    assert_int_equal(m.media, 2);
    assert_int_equal(m.sdp[0].port, 49172);
    assert_int_equal(m.sdp[0].family, ADDR_IPV4);
    assert_int_equal(m.sdp[0].formats, 3);
    assert_int_equal(m.sdp[0].format[1].codec, CODEC_G722);
    assert_int_equal(m.sdp[0].format[1].clock_hz, 8000);
    assert_int_equal(m.sdp[0].format[2].codec, CODEC_AMR_WB);
    assert_int_equal(m.sdp[0].format[2].clock_hz, 16000);
    assert_false(m.sdp[0].held);
    assert_int_equal(m.sdp[1].kind, MEDIA_VIDEO);
    assert_int_equal(m.sdp[1].port, 5002);
    assert_int_equal(m.sdp[1].family, ADDR_IPV6);
    assert_int_equal(m.sdp[1].format[0].codec, CODEC_H264);
    assert_true(m.sdp[1].held);
}

/* A telephone offers many codecs; what the other one picks may be the last of them. */
static void eight_formats_of_a_line_are_kept_with_their_clocks(void **state)
{
    (void)state;
    struct sip_message m;
    assert_true(read_text("INVITE sip:bob@example.test SIP/2.0\r\nCall-ID: x\r\n\r\n"
                          "c=IN IP4 192.0.2.1\r\n"
                          "m=audio 4000 RTP/AVP 9 8 0 18 101 102 103 111 112 113\r\n"
                          "a=rtpmap:103 L16/11025\r\na=rtpmap:111 opus/48000/2\r\n",
                          &m));
    assert_int_equal(m.sdp[0].formats, SDP_FORMATS_MAX);
    assert_int_equal(m.sdp[0].format[6].clock_hz, 11025);
    assert_int_equal(m.sdp[0].format[7].type, 111);
    assert_int_equal(m.sdp[0].format[7].codec, CODEC_OPUS);
}

static void compact_fields_and_bare_line_ends_are_read(void **state)
{
    (void)state;
    struct sip_message m;
    assert_true(read_text("SIP/2.0 183 Session Progress\ni: x@y\nf: <sip:a@b>;tag=t\n"
                          "CSeq: 2 INVITE\n\nm=audio 4000 RTP/AVP 8\n",
                          &m));
    assert_int_equal(m.status, 183);
    assert_int_equal(m.method, SIP_INVITE);
    assert_int_equal(m.media, 1);
    assert_int_equal(m.sdp[0].family, ADDR_NONE); /* nobody said where */
}

static void what_is_no_sip_is_refused(void **state)
{
    (void)state;
    struct sip_message m;
    assert_false(read_text("GET /index.html HTTP/1.1\r\nCall-ID: x\r\n\r\n", &m));
    assert_false(read_text("INVITE sip:a@b HTTP/1.1\r\nCall-ID: x\r\n\r\n", &m));
    assert_false(read_text("SIP/2.0 99999 What\r\nCall-ID: x\r\n\r\n", &m));
    assert_false(read_text("OPTIONS sip:a@b SIP/2.0\r\nFrom: x\r\n\r\n", &m)); /* no call */
}

static void codecs_are_found_by_name_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(codec_by_name("OPUS", 4), CODEC_OPUS);
    assert_int_equal(codec_by_name("pcma", 4), CODEC_PCMA);
    assert_int_equal(codec_by_name("unheard-of", 10), CODEC_UNKNOWN);
    for (unsigned i = 0; i < CODECS; i++) {
        assert_true(strlen(codec_name((enum codec)i)) < CODEC_NAME_SIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_rtp_header_is_read_past_its_extension),
        cmocka_unit_test(what_shares_the_port_is_no_rtp),
        cmocka_unit_test(a_report_tells_losses_delay_and_opinion),
        cmocka_unit_test(losses_may_be_less_than_none),
        cmocka_unit_test(a_cut_report_is_passed_over),
        cmocka_unit_test(an_invitation_is_read_with_its_media),
        cmocka_unit_test(eight_formats_of_a_line_are_kept_with_their_clocks),
        cmocka_unit_test(compact_fields_and_bare_line_ends_are_read),
        cmocka_unit_test(what_is_no_sip_is_refused),
        cmocka_unit_test(codecs_are_found_by_name_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
