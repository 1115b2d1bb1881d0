/*
 * The poller by itself, for tests: reads {"snmp": […], "probe": […]} from standard input, polls,
 * and prints each record as a line of JSON. Another document on a further line replaces the plan.
 * End of input ends it.
 */
#include "agent/poll/poller.h"

#include "common/log.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static char line[1 << 20];
static char packed[DEVICE_PACKED_MAX];

static void print_device(const struct device_record *record, void *arg)
{
    (void)arg;
    size_t len = device_record_pack(record, packed, sizeof packed);
    printf("%.*s\n", (int)len, packed);
    fflush(stdout);
}

static void print_probe(const struct probe_record *record, void *arg)
{
    (void)arg;
    size_t len = probe_record_pack(record, packed, sizeof packed);
    printf("%.*s\n", (int)len, packed);
    fflush(stdout);
}

static void wake(void *arg)
{
    (void)eventfd_write(*(int *)arg, 1);
}

static void refuse(const struct config_fault *fault)
{
    if (fault->bad) {
        fprintf(stderr, "%s: %s\n", fault->field, fault->message);
        exit(EXIT_FAILURE);
    }
}

static struct poller_plan *read_plan(void)
{
    if (fgets(line, sizeof line, stdin) == NULL) {
        return NULL;
    }
    json_t *root = json_loads(line, 0, NULL);
    const json_t *devices = json_object_get(root, "snmp");
    const json_t *probes = json_object_get(root, "probe");
    struct poller_plan *plan = calloc(1, sizeof *plan);
    plan->devices = calloc(json_array_size(devices) + 1, sizeof *plan->devices);
    plan->probes = calloc(json_array_size(probes) + 1, sizeof *plan->probes);
    for (size_t i = 0; i < json_array_size(devices); i++) {
        struct config_fault fault = {0};
        config_snmp_read(json_array_get(devices, i), &plan->devices[i], &fault);
        refuse(&fault);
    }
    for (size_t i = 0; i < json_array_size(probes); i++) {
        struct config_fault fault = {0};
        config_probe_read(json_array_get(probes, i), &plan->probes[i], &fault);
        refuse(&fault);
    }
    plan->device_count = json_array_size(devices);
    plan->probe_count = json_array_size(probes);
    json_decref(root);
    return plan;
}

int main(void)
{
    struct err e = {0};
    struct icmp_sockets sockets;
    int woken = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    poller_start();
    if (icmp_open(&sockets, &e) != 0) {
        fprintf(stderr, "%s\n", e.what);
    }
    struct poller_options options = {.icmp = sockets, .wake = wake, .arg = &woken};
    struct poller *poller = poller_open(&options, &e);
    struct poller_sink sink = {.device = print_device, .probe = print_probe};
    setvbuf(stdin, NULL, _IONBF, 0);
    for (;;) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = woken, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0) {
            break;
        }
        eventfd_t count = 0;
        (void)eventfd_read(woken, &count);
        poller_drain(poller, &sink);
        if (fds[0].revents != 0) {
            struct poller_plan *plan = read_plan();
            if (plan == NULL) {
                break;
            }
            poller_set(poller, plan);
        }
    }
    poller_close(poller);
    icmp_close(&sockets);
    return 0;
}
