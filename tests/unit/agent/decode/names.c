/* Unit tests of agent/decode/dns and dhcp: which names messages give to which addresses. */
#include "agent/decode/dhcp.h"
#include "agent/decode/dns.h"
#include "tests/unit/agent/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

enum { RESPONSE = 0x8400, QUERY = 0x0000, REGISTER = 0x2910, IN = 1, FLUSH = 0x8001 };

/* "host.lan" as labels. */
static void put_name(struct frame *f, const char *name)
{
    while (*name != '\0') {
        size_t len = strcspn(name, ".");
        frame_u8(f, (unsigned)len);
        for (size_t i = 0; i < len; i++) {
            frame_u8(f, (unsigned char)name[i]);
        }
        name += len + (name[len] == '.' ? 1 : 0);
    }
    frame_u8(f, 0);
}

static void put_header(struct frame *f, unsigned flags, unsigned questions, unsigned answers,
                       unsigned beside)
{
    frame_be16(f, 1);
    frame_be16(f, flags);
    frame_be16(f, questions);
    frame_be16(f, answers);
    frame_be16(f, 0);
    frame_be16(f, beside);
}

static void put_question(struct frame *f, const char *name, unsigned type)
{
    put_name(f, name);
    frame_be16(f, type);
    frame_be16(f, IN);
}

/* The part of a record behind its name. */
static void put_record(struct frame *f, unsigned type, unsigned class, size_t len)
{
    frame_be16(f, type);
    frame_be16(f, class);
    frame_be32(f, 60);
    frame_be16(f, (unsigned)len);
}

static unsigned bindings_of(enum dns_dialect dialect, const struct frame *f,
                            struct dns_binding *last)
{
    struct dns_walk w;
    struct dns_binding b;
    unsigned count = 0;
    if (dns_walk_begin(&w, dialect, f->bytes, f->len)) {
        while (dns_walk_next(&w, &b)) {
            *last = b;
            count++;
        }
    }
    return count;
}

static void assert_addr(const struct dns_binding *b, const char *text)
{
    char buf[ADDR_TEXT_SIZE];
    assert_string_equal(addr_format((enum addr_family)b->family, &b->addr, buf), text);
}

static void an_answer_names_its_address_through_a_pointer(void **state)
{
    (void)state;
    struct frame f = {0};
    struct dns_binding b;
    put_header(&f, RESPONSE, 1, 1, 0);
    put_question(&f, "Files.Example.Lan", 1);
    frame_be16(&f, 0xc00c); /* the question's name */
    put_record(&f, 1, IN, 4);
    frame_be32(&f, 0x0a000007);
    assert_int_equal(bindings_of(DNS_UNICAST, &f, &b), 1);
    assert_string_equal(b.name, "files.example.lan");
    assert_addr(&b, "10.0.0.7");
}

static void a_reverse_answer_names_the_address_asked_for(void **state)
{
    (void)state;
    struct frame f = {0};
    struct dns_binding b;
    put_header(&f, RESPONSE, 0, 2, 0);
    put_name(&f, "7.0.0.10.in-addr.arpa");
    put_record(&f, 12, IN, 11);
    put_name(&f, "files.lan");
    put_name(&f, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    put_record(&f, 12, IN, 11);
    put_name(&f, "files.lan");
    assert_int_equal(bindings_of(DNS_UNICAST, &f, &b), 2);
    assert_string_equal(b.name, "files.lan");
    assert_addr(&b, "2001:db8::1");
}

static void a_multicast_response_is_read_in_all_its_sections(void **state)
{
    (void)state;
    struct frame f = {0};
    struct dns_binding b;
    put_header(&f, RESPONSE, 0, 1, 1);
    put_name(&f, "_ipp._tcp.local"); /* a service, which is no binding */
    put_record(&f, 12, IN, 2);
    frame_be16(&f, 0xc00c);
    put_name(&f, "printer.local");
    put_record(&f, 28, FLUSH, 16);
    frame_be32(&f, 0xfe800000);
    frame_fill(&f, 0, 11);
    frame_u8(&f, 9);
    assert_int_equal(bindings_of(DNS_MULTICAST, &f, &b), 1);
    assert_string_equal(b.name, "printer.local");
    assert_addr(&b, "fe80::9");
    assert_int_equal(bindings_of(DNS_UNICAST, &f, &b), 0);
}

static void a_netbios_registration_names_its_sender(void **state)
{
    (void)state;
    struct frame f = {0};
    struct dns_binding b;
    put_header(&f, REGISTER, 1, 0, 1);
    put_question(&f, "FHEPFCELEHFCEPFFFACACACACACACAAA", 32); /* WORKGROUP, a workstation's */
    frame_be16(&f, 0xc00c);
    put_record(&f, 32, IN, 6);
    frame_be16(&f, 0x0000);
    frame_be32(&f, 0x0a000009);
    assert_int_equal(bindings_of(DNS_NETBIOS, &f, &b), 1);
    assert_string_equal(b.name, "WORKGROUP");
    assert_addr(&b, "10.0.0.9");
    f.bytes[f.len - 6] = 0x80; /* the name of a group is nobody's */
    assert_int_equal(bindings_of(DNS_NETBIOS, &f, &b), 0);
}

static void a_question_and_a_failure_name_nobody(void **state)
{
    (void)state;
    static const unsigned flags[] = {QUERY, RESPONSE | 3};
    for (size_t i = 0; i < 2; i++) {
        struct frame f = {0};
        struct dns_binding b;
        put_header(&f, flags[i], 0, 1, 0);
        put_name(&f, "files.lan");
        put_record(&f, 1, IN, 4);
        frame_be32(&f, 0x0a000007);
        assert_int_equal(bindings_of(DNS_UNICAST, &f, &b), 0);
    }
}

static void a_name_that_is_no_host_name_is_passed_over(void **state)
{
    (void)state;
    struct frame f = {0};
    struct dns_binding b;
    put_header(&f, RESPONSE, 0, 2, 0);
    put_name(&f, "<script>.lan");
    put_record(&f, 1, IN, 4);
    frame_be32(&f, 0x0a000007);
    put_name(&f, "files.lan");
    put_record(&f, 1, IN, 4);
    frame_be32(&f, 0x0a000008);
    assert_int_equal(bindings_of(DNS_UNICAST, &f, &b), 1);
    assert_addr(&b, "10.0.0.8");
}

static void a_pointer_that_goes_round_ends_the_walk(void **state)
{
    (void)state;
    struct frame f = {0};
    struct dns_binding b;
    put_header(&f, RESPONSE, 0, 1, 0);
    frame_be16(&f, 0xc00c); /* to itself */
    put_record(&f, 1, IN, 4);
    frame_be32(&f, 0x0a000007);
    assert_int_equal(bindings_of(DNS_UNICAST, &f, &b), 0);
}

static void a_cut_message_is_an_end_not_a_crash(void **state)
{
    (void)state;
    struct frame f = {0};
    put_header(&f, RESPONSE, 1, 1, 0);
    put_question(&f, "files.lan", 1);
    frame_be16(&f, 0xc00c);
    put_record(&f, 1, IN, 4);
    frame_be32(&f, 0x0a000007);
    for (size_t len = 0; len < f.len; len++) {
        struct dns_binding b;
        struct frame cut = f;
        cut.len = len;
        assert_int_equal(bindings_of(DNS_UNICAST, &cut, &b), 0);
    }
}

/* ---- DHCP ---- */

/* The fixed part of a client's message, up to the cookie. */
static void put_dhcp(struct frame *f, uint32_t has, uint32_t given)
{
    frame_be32(f, 0x01010600);
    frame_fill(f, 0, 8);
    frame_be32(f, has);
    frame_be32(f, given);
    frame_fill(f, 0, 8);
    frame_be32(f, 0x001b213c);
    frame_be16(f, 0x9df8);
    frame_fill(f, 0, 10 + 192);
    frame_be32(f, 0x63825363);
}

static void put_option(struct frame *f, unsigned code, const char *bytes, size_t len)
{
    frame_u8(f, code);
    frame_u8(f, (unsigned)len);
    for (size_t i = 0; i < len; i++) {
        frame_u8(f, (unsigned char)bytes[i]);
    }
}

static void a_request_tells_name_hardware_and_address(void **state)
{
    (void)state;
    struct frame f = {0};
    struct dhcp_message m;
    char text[MAC_TEXT_SIZE];
    put_dhcp(&f, 0, 0);
    put_option(&f, 53, "\3", 1);
    put_option(&f, 12, "laptop-7\0", 9);
    put_option(&f, 50, "\xc0\xa8\1\x21", 4);
    frame_u8(&f, 255);
    assert_true(dhcp_read(f.bytes, f.len, &m));
    assert_int_equal(m.type, DHCP_REQUEST);
    assert_string_equal(m.name, "laptop-7");
    assert_string_equal(mac_format(&m.mac, text), "00:1b:21:3c:9d:f8");
    assert_true(m.has_addr);
    assert_memory_equal(m.addr.bytes, "\xc0\xa8\1\x21", 4);
}

static void a_client_is_known_by_what_it_asks_for(void **state)
{
    (void)state;
    struct frame f = {0};
    struct dhcp_message m;
    char many[60];
    put_dhcp(&f, 0, 0);
    put_option(&f, 53, "\3", 1);
    put_option(&f, 55, "\1\171\3\6\17\374", 6);
    put_option(&f, 60, "MSFT 5.0\n", 9);
    assert_true(dhcp_read(f.bytes, f.len, &m));
    assert_string_equal(m.wanted, "1,121,3,6,15,252");
    assert_string_equal(m.vendor_class, "MSFT 5.0?");
    memset(many, 'x', sizeof many);
    put_option(&f, 55, many, sizeof many); /* a list that is cut would be another one */
    assert_true(dhcp_read(f.bytes, f.len, &m));
    assert_string_equal(m.wanted, "1,121,3,6,15,252");
}

static void a_full_name_in_either_form_wins(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } forms[] = {{"\0\0\0laptop-7.example", 19}, {"\4\0\0\10laptop-7\7example\0", 21}};
    for (size_t i = 0; i < 2; i++) {
        struct frame f = {0};
        struct dhcp_message m;
        put_dhcp(&f, 0, 0xc0a80121);
        put_option(&f, 53, "\5", 1);
        put_option(&f, 81, forms[i].bytes, forms[i].len);
        put_option(&f, 12, "other", 5);
        assert_true(dhcp_read(f.bytes, f.len, &m));
        assert_string_equal(m.name, "laptop-7.example");
        assert_true(m.has_addr);
    }
}

static void what_is_no_dhcp_of_ethernet_is_refused(void **state)
{
    (void)state;
    struct frame f = {0};
    struct dhcp_message m;
    put_dhcp(&f, 0, 0);
    assert_false(dhcp_read(f.bytes, f.len, &m)); /* no type */
    put_option(&f, 53, "\3", 1);
    put_option(&f, 12, "two words", 9);
    assert_true(dhcp_read(f.bytes, f.len, &m));
    assert_string_equal(m.name, "");
    assert_false(m.has_addr);
    for (size_t len = 0; len < 240; len++) {
        assert_false(dhcp_read(f.bytes, len, &m));
    }
    f.bytes[2] = 8; /* InfiniBand or whatever has eight */
    assert_false(dhcp_read(f.bytes, f.len, &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_names_its_address_through_a_pointer),
        cmocka_unit_test(a_reverse_answer_names_the_address_asked_for),
        cmocka_unit_test(a_multicast_response_is_read_in_all_its_sections),
        cmocka_unit_test(a_netbios_registration_names_its_sender),
        cmocka_unit_test(a_question_and_a_failure_name_nobody),
        cmocka_unit_test(a_name_that_is_no_host_name_is_passed_over),
        cmocka_unit_test(a_pointer_that_goes_round_ends_the_walk),
        cmocka_unit_test(a_cut_message_is_an_end_not_a_crash),
        cmocka_unit_test(a_request_tells_name_hardware_and_address),
        cmocka_unit_test(a_client_is_known_by_what_it_asks_for),
        cmocka_unit_test(a_full_name_in_either_form_wins),
        cmocka_unit_test(what_is_no_dhcp_of_ethernet_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
