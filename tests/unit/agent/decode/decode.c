/* Unit tests of agent/decode: from link layer to transport, and what hostile bytes may not do. */
#include "agent/decode/decode.h"

#include "tests/unit/agent/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

enum { ETHERNET = 1, PPP = 9, RAW = 101, HDLC = 104, NULL_LINK = 0, SLL = 113, SLL2 = 276 };
enum { IPV4 = 0x0800, IPV6 = 0x86dd, VLAN = 0x8100, QINQ = 0x88a8, ARP = 0x0806, MPLS = 0x8847 };

static enum decode_result decode(int link, const struct frame *f, struct packet *p)
{
    *p = (struct packet){0};
    return decode_packet(link, 0, f->bytes, f->len, f->len, p);
}

static void an_ethernet_tcp_segment_is_read_whole(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, IPV4);
    frame_ipv4(&f, PROTO_TCP, 20 + 5, 0);
    frame_tcp(&f, 40000, 80, 100, 200, TCP_ACK | TCP_PSH, 5);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_OK);
    assert_int_equal(p.ends.family, ADDR_IPV4);
    assert_int_equal(p.ends.protocol, PROTO_TCP);
    assert_int_equal(p.ends.src_port, 40000);
    assert_int_equal(p.ends.dst_port, 80);
    assert_int_equal(p.ends.src.bytes[3], 1);
    assert_int_equal(p.ends.dst.bytes[3], 2);
    assert_int_equal(p.src_mac.bytes[5], 1);
    assert_int_equal(p.dst_mac.bytes[5], 2);
    assert_int_equal(p.tcp.seq, 100);
    assert_int_equal(p.tcp.ack, 200);
    assert_int_equal(p.tcp.flags, TCP_ACK | TCP_PSH);
    assert_int_equal(p.tcp.len, 5);
    assert_int_equal(p.payload_len, 5);
    assert_int_equal(p.ip_len, 45);
}

static void padding_behind_the_ip_length_is_not_payload(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, IPV4);
    frame_ipv4(&f, PROTO_TCP, 20, 0);
    frame_tcp(&f, 1, 2, 0, 0, TCP_ACK, 0);
    frame_fill(&f, 0, 6);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_OK);
    assert_int_equal(p.tcp.len, 0);
    assert_int_equal(p.payload_len, 0);
    assert_int_equal(p.ip_len, 40);
}

static void the_outermost_of_two_vlan_tags_counts(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, QINQ);
    frame_be16(&f, 0xe000 | 300); /* priority bits are not part of the id */
    frame_be16(&f, VLAN);
    frame_be16(&f, 7);
    frame_be16(&f, IPV4);
    frame_ipv4(&f, PROTO_UDP, 8, 0);
    frame_udp(&f, 53, 54, 0);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_OK);
    assert_int_equal(p.ends.vlan, 300);
    assert_int_equal(p.ends.dst_port, 54);
}

static void ip_behind_mpls_labels_is_found(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, VLAN);
    frame_be16(&f, 9);
    frame_be16(&f, MPLS);
    frame_be16(&f, 1); /* label 16, then label 18 at the bottom of the stack */
    frame_be16(&f, 0x00ff);
    frame_be16(&f, 1);
    frame_be16(&f, 0x21ff);
    frame_ipv4(&f, PROTO_UDP, 8, 0);
    frame_udp(&f, 53, 54, 0);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_OK);
    assert_int_equal(p.ends.vlan, 9);
    assert_int_equal(p.ends.dst_port, 54);
}

static void a_label_stack_without_end_is_too_deep(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, MPLS);
    frame_fill(&f, 0, 9 * 4);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_DEEP);
}

static void put_label(struct frame *f)
{
    frame_be16(f, 1);
    frame_be16(f, 0x01ff); /* label 16, at the bottom of the stack */
}

/* Each could be read with and without a control word: to try both ways doubles the work each. */
static void pseudowires_in_each_other_are_too_deep(void **state)
{
    (void)state;
    enum { LEVELS = 60 };
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, MPLS);
    for (unsigned i = 0; i < LEVELS; i++) {
        put_label(&f);
        frame_fill(&f, 0, 12);
        frame_be16(&f, MPLS);
        frame_be16(&f, 0);
        frame_be16(&f, MPLS);
    }
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_DEEP);
}

/* What stands behind a VLAN tag looks as if a control word had moved the frame. */
static void a_frame_in_a_pseudowire_is_read_once(void **state)
{
    (void)state;
    for (unsigned control = 0; control < 2; control++) {
        struct frame f = {0};
        struct packet p;
        frame_ethernet(&f, MPLS);
        put_label(&f);
        if (control) {
            frame_be32(&f, 1);
        }
        frame_ethernet(&f, VLAN);
        frame_be16(&f, 77);
        frame_be16(&f, MPLS); /* labels in it are no second pseudowire */
        put_label(&f);
        frame_ipv4(&f, PROTO_UDP, 8, 0);
        frame_udp(&f, 53, 54, 0);
        assert_int_equal(decode(ETHERNET, &f, &p), DECODE_OK);
        assert_int_equal(p.ends.vlan, 77);
        assert_int_equal(p.ends.dst_port, 54);
        assert_memory_equal(p.dst_mac.bytes, f.bytes, sizeof p.dst_mac.bytes);
    }
}

static void ppp_is_read_with_and_without_its_address(void **state)
{
    (void)state;
    static const uint16_t heads[][3] = {{0x0021}, {0xff03, 0x0021}, {0x0f00, IPV4}};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct frame f = {0};
        struct packet p;
        for (size_t word = 0; word < 3 && heads[i][word] != 0; word++) {
            frame_be16(&f, heads[i][word]);
        }
        frame_ipv4(&f, PROTO_UDP, 8, 0);
        frame_udp(&f, 53, 54, 0);
        assert_int_equal(decode(PPP, &f, &p), DECODE_OK);
        assert_int_equal(p.ends.dst_port, 54);
    }
}

static void cisco_hdlc_carries_the_types_of_ethernet(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_be16(&f, 0x8f00);
    frame_be16(&f, IPV4);
    frame_ipv4(&f, PROTO_UDP, 8, 0);
    frame_udp(&f, 53, 54, 0);
    assert_int_equal(decode(HDLC, &f, &p), DECODE_OK);
    assert_int_equal(p.ends.src_port, 53);
    struct frame keepalive = {0};
    frame_be16(&keepalive, 0x8f00);
    frame_be16(&keepalive, 0x8035);
    assert_int_equal(decode(HDLC, &keepalive, &p), DECODE_NOT_IP);
}

static void more_than_four_vlan_tags_are_too_deep(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, VLAN);
    for (unsigned i = 0; i < 5; i++) {
        frame_be16(&f, i);
        frame_be16(&f, VLAN);
    }
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_DEEP);
}

static void arp_is_no_ip_and_no_fault(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, ARP);
    frame_fill(&f, 0, 28);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_NOT_IP);
}

static void cooked_packets_tell_the_sender_only(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_be16(&f, 0);
    frame_be16(&f, 1);
    frame_be16(&f, 6);
    frame_be32(&f, 0x02000000);
    frame_be32(&f, 0x00090000);
    frame_be16(&f, IPV4);
    frame_ipv4(&f, PROTO_UDP, 8, 0);
    frame_udp(&f, 1, 2, 0);
    assert_int_equal(decode(SLL, &f, &p), DECODE_OK);
    assert_int_equal(p.src_mac.bytes[5], 9);
    assert_int_equal(p.dst_mac.bytes[0], 0);
}

static void cooked_packets_of_the_second_version_are_read(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_be16(&f, IPV6);
    frame_fill(&f, 0, 9);
    frame_u8(&f, 0); /* no address */
    frame_fill(&f, 0, 8);
    frame_ipv6(&f, PROTO_UDP, 8);
    frame_udp(&f, 1, 2, 0);
    assert_int_equal(decode(SLL2, &f, &p), DECODE_OK);
    assert_int_equal(p.ends.family, ADDR_IPV6);
}

static void raw_and_loopback_links_tell_the_version_by_its_digit(void **state)
{
    (void)state;
    struct frame raw = {0};
    struct frame loop = {0};
    struct packet p;
    frame_ipv6(&raw, PROTO_UDP, 8);
    frame_udp(&raw, 1, 2, 0);
    assert_int_equal(decode(RAW, &raw, &p), DECODE_OK);
    frame_be32(&loop, 0x02000000);
    frame_ipv4(&loop, PROTO_UDP, 8, 0);
    frame_udp(&loop, 1, 2, 0);
    assert_int_equal(decode(NULL_LINK, &loop, &p), DECODE_OK);
    assert_int_equal(p.ends.family, ADDR_IPV4);
}

static void an_unknown_link_is_named_as_such(void **state)
{
    (void)state;
    struct frame f = {.len = 60};
    struct packet p;
    assert_int_equal(decode(147, &f, &p), DECODE_LINK);
}

static void ipv4_options_are_passed(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, IPV4);
    frame_ipv4(&f, PROTO_UDP, 4 + 8, 0);
    f.bytes[14] = 0x46; /* six words */
    frame_fill(&f, 1, 4);
    frame_udp(&f, 5, 6, 0);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_OK);
    assert_int_equal(p.ends.src_port, 5);
}

static void ipv6_extension_headers_are_passed(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, IPV6);
    frame_ipv6(&f, 0, 8 + 16 + 8);
    frame_u8(&f, 60); /* hop by hop, then destination options of 16 bytes */
    frame_fill(&f, 0, 7);
    frame_u8(&f, PROTO_UDP);
    frame_u8(&f, 1);
    frame_fill(&f, 0, 14);
    frame_udp(&f, 7, 8, 0);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_OK);
    assert_int_equal(p.ends.protocol, PROTO_UDP);
    assert_int_equal(p.ends.dst_port, 8);
}

static void an_endless_chain_of_extension_headers_is_too_deep(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, IPV6);
    frame_ipv6(&f, 60, 10 * 8);
    for (unsigned i = 0; i < 10; i++) {
        frame_u8(&f, 60);
        frame_fill(&f, 0, 7);
    }
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_DEEP);
}

static void only_the_first_fragment_has_ports(void **state)
{
    (void)state;
    struct frame first = {0};
    struct frame later = {0};
    struct packet p;
    frame_ethernet(&first, IPV4);
    frame_ipv4(&first, PROTO_UDP, 16, 0x2000);
    frame_udp(&first, 53, 1000, 8);
    assert_int_equal(decode(ETHERNET, &first, &p), DECODE_OK);
    assert_true(p.fragment);
    assert_false(p.later_fragment);
    assert_int_equal(p.ends.src_port, 53);
    frame_ethernet(&later, IPV4);
    frame_ipv4(&later, PROTO_UDP, 16, 2);
    frame_fill(&later, 'x', 16);
    assert_int_equal(decode(ETHERNET, &later, &p), DECODE_OK);
    assert_true(p.later_fragment);
    assert_int_equal(p.ends.src_port, 0);
    assert_int_equal(p.payload_len, 16);
}

static void an_ipv6_fragment_header_tells_id_and_place(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, IPV6);
    frame_ipv6(&f, 44, 8 + 8);
    frame_u8(&f, PROTO_UDP);
    frame_u8(&f, 0);
    frame_be16(&f, 8); /* the second eight bytes */
    frame_be32(&f, 4711);
    frame_fill(&f, 'x', 8);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_OK);
    assert_true(p.later_fragment);
    assert_int_equal(p.fragment_id, 4711);
    assert_int_equal(p.ends.protocol, PROTO_UDP);
}

static void both_ways_of_a_ping_have_the_same_ends(void **state)
{
    (void)state;
    struct frame ask = {0};
    struct frame answer = {0};
    struct packet p;
    frame_ethernet(&ask, IPV4);
    frame_ipv4(&ask, PROTO_ICMP, 8, 0);
    frame_be32(&ask, 0x08000000);
    frame_be32(&ask, 1);
    assert_int_equal(decode(ETHERNET, &ask, &p), DECODE_OK);
    assert_true(p.asks);
    assert_int_equal(p.ends.src_port, 8);
    assert_int_equal(p.ends.dst_port, 0);
    frame_ethernet(&answer, IPV4);
    frame_ipv4(&answer, PROTO_ICMP, 8, 0);
    frame_be32(&answer, 0x00000000);
    frame_be32(&answer, 1);
    assert_int_equal(decode(ETHERNET, &answer, &p), DECODE_OK);
    assert_true(p.answers);
    assert_int_equal(p.ends.src_port, 0);
    assert_int_equal(p.ends.dst_port, 8);
}

static void an_unreachable_port_names_the_packet_it_is_about(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, IPV4);
    frame_ipv4(&f, PROTO_ICMP, 8 + 28, 0);
    frame_be32(&f, 0x03030000);
    frame_be32(&f, 0);
    frame_ipv4(&f, PROTO_UDP, 8, 0);
    frame_udp(&f, 5555, 53, 0);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_OK);
    assert_true(p.unreachable);
    assert_int_equal(p.about.protocol, PROTO_UDP);
    assert_int_equal(p.about.src_port, 5555);
    assert_int_equal(p.about.dst_port, 53);
}

static void a_packet_cut_anywhere_is_an_error_not_a_crash(void **state)
{
    (void)state;
    struct frame f = {0};
    frame_ethernet(&f, VLAN);
    frame_be16(&f, 5);
    frame_be16(&f, IPV6);
    frame_ipv6(&f, 0, 8 + 20 + 4);
    frame_u8(&f, PROTO_TCP);
    frame_fill(&f, 0, 7);
    frame_tcp(&f, 1, 2, 3, 4, TCP_SYN, 4);
    size_t headers = f.len - 4;
    for (size_t len = 0; len < f.len; len++) {
        struct packet p = {0};
        uint8_t *exact = malloc(len == 0 ? 1 : len); /* so that a sanitizer sees any over-read */
        memcpy(exact, f.bytes, len);
        enum decode_result result = decode_packet(ETHERNET, 0, exact, len, f.len, &p);
        assert_int_equal(result, len < headers ? DECODE_SHORT : DECODE_OK);
        free(exact);
    }
}

/* A TCP header with these option bytes, padded by the caller to a multiple of four. */
static struct packet with_options(const uint8_t *options, size_t len)
{
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, IPV4);
    frame_ipv4(&f, PROTO_TCP, 20 + len + 3, 0);
    frame_tcp(&f, 1, 2, 3, 4, TCP_ACK, 0);
    f.bytes[f.len - 8] = (uint8_t)((20 + len) / 4 << 4);
    memcpy(f.bytes + f.len, options, len);
    f.len += len;
    frame_fill(&f, 't', 3);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_OK);
    assert_int_equal(p.tcp.len, 3);
    assert_int_equal(p.tcp.window, 1000);
    return p;
}

static void tcp_options_are_read(void **state)
{
    (void)state;
    const uint8_t syn[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9, 1, 3, 3, 7};
    struct packet p = with_options(syn, sizeof syn);
    assert_int_equal(p.tcp.mss, 1460);
    assert_true(p.tcp.stamped);
    assert_int_equal(p.tcp.stamp, 7);
    assert_int_equal(p.tcp.echo, 9);
    assert_false(p.tcp.sacked);
    const uint8_t sack[] = {1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4};
    p = with_options(sack, sizeof sack);
    assert_true(p.tcp.sacked);
    assert_int_equal(p.tcp.sack_from, 1);
    assert_int_equal(p.tcp.sack_to, 2);
}

static void broken_tcp_options_leave_the_segment_standing(void **state)
{
    (void)state;
    const uint8_t broken[][4] = {{8, 0, 0, 0}, {8, 1, 0, 0}, {8, 10, 0, 0}, {1, 1, 1, 8}};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_false(with_options(broken[i], sizeof broken[i]).tcp.stamped);
    }
}

static void a_snapped_packet_keeps_its_length_on_the_wire(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p = {0};
    frame_ethernet(&f, IPV4);
    frame_ipv4(&f, PROTO_TCP, 20 + 1000, 0);
    frame_tcp(&f, 1, 2, 0, 0, TCP_ACK, 1000);
    assert_int_equal(decode_packet(ETHERNET, 0, f.bytes, 14 + 40 + 60, f.len, &p), DECODE_OK);
    assert_int_equal(p.ip_len, 1040);
    assert_int_equal(p.ip_captured, 100);
    assert_int_equal(p.tcp.len, 1000);
    assert_int_equal(p.payload_len, 60);
}

static void lengths_that_contradict_the_wire_are_malformed(void **state)
{
    (void)state;
    struct frame longer = {0};
    struct frame header = {0};
    struct packet p;
    frame_ethernet(&longer, IPV4);
    frame_ipv4(&longer, PROTO_UDP, 500, 0);
    frame_udp(&longer, 1, 2, 0);
    assert_int_equal(decode(ETHERNET, &longer, &p), DECODE_MALFORMED);
    frame_ethernet(&header, IPV4);
    frame_ipv4(&header, PROTO_UDP, 8, 0);
    header.bytes[14] = 0x44; /* four words are too few */
    frame_udp(&header, 1, 2, 0);
    assert_int_equal(decode(ETHERNET, &header, &p), DECODE_MALFORMED);
}

static void a_total_length_of_zero_means_the_whole_packet(void **state)
{
    (void)state;
    struct frame f = {0};
    struct packet p;
    frame_ethernet(&f, IPV4);
    frame_ipv4(&f, PROTO_TCP, 20 + 100, 0);
    frame_tcp(&f, 1, 2, 0, 0, TCP_ACK, 100);
    frame_set_be16(&f, 16, 0);
    assert_int_equal(decode(ETHERNET, &f, &p), DECODE_OK);
    assert_int_equal(p.tcp.len, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ethernet_tcp_segment_is_read_whole),
        cmocka_unit_test(tcp_options_are_read),
        cmocka_unit_test(broken_tcp_options_leave_the_segment_standing),
        cmocka_unit_test(padding_behind_the_ip_length_is_not_payload),
        cmocka_unit_test(the_outermost_of_two_vlan_tags_counts),
        cmocka_unit_test(ip_behind_mpls_labels_is_found),
        cmocka_unit_test(pseudowires_in_each_other_are_too_deep),
        cmocka_unit_test(a_frame_in_a_pseudowire_is_read_once),
        cmocka_unit_test(a_label_stack_without_end_is_too_deep),
        cmocka_unit_test(ppp_is_read_with_and_without_its_address),
        cmocka_unit_test(cisco_hdlc_carries_the_types_of_ethernet),
        cmocka_unit_test(more_than_four_vlan_tags_are_too_deep),
        cmocka_unit_test(arp_is_no_ip_and_no_fault),
        cmocka_unit_test(cooked_packets_tell_the_sender_only),
        cmocka_unit_test(cooked_packets_of_the_second_version_are_read),
        cmocka_unit_test(raw_and_loopback_links_tell_the_version_by_its_digit),
        cmocka_unit_test(an_unknown_link_is_named_as_such),
        cmocka_unit_test(ipv4_options_are_passed),
        cmocka_unit_test(ipv6_extension_headers_are_passed),
        cmocka_unit_test(an_endless_chain_of_extension_headers_is_too_deep),
        cmocka_unit_test(only_the_first_fragment_has_ports),
        cmocka_unit_test(an_ipv6_fragment_header_tells_id_and_place),
        cmocka_unit_test(both_ways_of_a_ping_have_the_same_ends),
        cmocka_unit_test(an_unreachable_port_names_the_packet_it_is_about),
        cmocka_unit_test(a_packet_cut_anywhere_is_an_error_not_a_crash),
        cmocka_unit_test(a_snapped_packet_keeps_its_length_on_the_wire),
        cmocka_unit_test(lengths_that_contradict_the_wire_are_malformed),
        cmocka_unit_test(a_total_length_of_zero_means_the_whole_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
