-- Devices over SNMP and active probes: how each is now, and the facts of every poll. `device` and
-- `probe` are ids of items of the configuration; one item may be asked by several instances.

CREATE TABLE snmp_device (
    instance_id  integer NOT NULL REFERENCES instance (id),
    device       text NOT NULL,
    name         text NOT NULL,                -- of the item, as the agent had it
    host         text NOT NULL,
    state        text NOT NULL,                -- "up", "timeout", "wrong_digest"…
    error        text NOT NULL,                -- what went wrong, for a person
    since        timestamptz NOT NULL,         -- of the state
    polled_at    timestamptz NOT NULL,         -- the last poll
    answered_at  timestamptz,                  -- the last one that was answered whole
    version      smallint NOT NULL,            -- 1, 2 (v2c), 3
    interval_s   integer NOT NULL,             -- until the next poll
    duration_ms  integer NOT NULL,             -- of the last one
    failures     integer NOT NULL,             -- in a row
    sys_name     text NOT NULL,
    sys_descr    text NOT NULL,
    object_id    text NOT NULL,
    location     text NOT NULL,
    model        text NOT NULL,
    serial       text NOT NULL,
    uptime_s     bigint NOT NULL,
    cpu          smallint,                     -- permille
    memory_used  bigint,                       -- bytes
    memory_total bigint,
    interfaces   integer NOT NULL,
    PRIMARY KEY (instance_id, device)
) WITH (fillfactor = 70);

-- One row an interface, with what it carried in its last span; NULL: no rates in that poll. It
-- belongs to its device as it is now when it was seen in the device's last answered poll.
CREATE TABLE snmp_interface (
    instance_id  integer NOT NULL REFERENCES instance (id),
    device       text NOT NULL,
    key          text NOT NULL,                -- ifName, where there is one
    if_index     integer NOT NULL,
    name         text NOT NULL,
    alias        text NOT NULL,
    descr        text NOT NULL,
    type         integer NOT NULL,             -- IANAifType
    admin        smallint NOT NULL,            -- 1 up, 2 down, 3 testing, 0 not told
    oper         smallint NOT NULL,            -- 1 up, 2 down … 7 lower layer down, 0 not told
    oper_since   timestamptz NOT NULL,
    mac          macaddr,
    speed_bps    bigint,
    bits         smallint NOT NULL,            -- width of the octet counters
    in_bps       bigint,
    out_bps      bigint,
    in_pps       bigint,
    out_pps      bigint,
    errors       bigint,                       -- both directions, in the span
    discards     bigint,
    span_ms      integer,
    seen_at      timestamptz NOT NULL,
    PRIMARY KEY (instance_id, device, key)
) WITH (fillfactor = 70);

CREATE TABLE snmp_neighbour (
    instance_id  integer NOT NULL REFERENCES instance (id),
    device       text NOT NULL,
    protocol     text NOT NULL,                -- "lldp", "cdp"
    local        text NOT NULL,                -- an interface's key, where it is one
    chassis      text NOT NULL,
    port         text NOT NULL,
    port_descr   text NOT NULL,
    sys_name     text NOT NULL,
    sys_descr    text NOT NULL,
    address      text NOT NULL,
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    PRIMARY KEY (instance_id, device, protocol, local, chassis, port)
) WITH (fillfactor = 70);

-- What an interface carried in the span that ended at `at`. Deltas.
CREATE TABLE snmp_sample (
    instance_id  integer NOT NULL,
    epoch        bigint NOT NULL,
    seq          bigint NOT NULL,
    at           timestamptz NOT NULL,
    device       text NOT NULL,
    interface    text NOT NULL,                -- its key
    span_ms      integer NOT NULL,
    speed_bps    bigint,
    octets_in    bigint NOT NULL,
    octets_out   bigint NOT NULL,
    packets_in   bigint NOT NULL,
    packets_out  bigint NOT NULL,
    errors_in    bigint NOT NULL,
    errors_out   bigint NOT NULL,
    discards_in  bigint NOT NULL,
    discards_out bigint NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX snmp_sample_at ON snmp_sample (instance_id, device, interface, at);

CREATE TABLE snmp_device_sample (
    instance_id  integer NOT NULL,
    epoch        bigint NOT NULL,
    seq          bigint NOT NULL,
    at           timestamptz NOT NULL,
    device       text NOT NULL,
    state        text NOT NULL,
    duration_ms  integer NOT NULL,
    cpu          smallint,                     -- permille
    memory_used  bigint,
    memory_total bigint
) PARTITION BY RANGE (at);
CREATE INDEX snmp_device_sample_at ON snmp_device_sample (instance_id, device, at);

CREATE TABLE probe (
    instance_id integer NOT NULL REFERENCES instance (id),
    probe       text NOT NULL,
    name        text NOT NULL,
    kind        text NOT NULL,                 -- "icmp", "tcp", "http"
    target      text NOT NULL,
    address     text NOT NULL,                 -- that its name had
    state       text NOT NULL,                 -- "ok", "timeout", "refused"…
    error       text NOT NULL,
    since       timestamptz NOT NULL,          -- of being ok, or of not being ok
    ran_at      timestamptz NOT NULL,
    interval_s  integer NOT NULL,
    rtt_us      bigint,
    jitter_us   bigint,
    sent        integer,
    received    integer,
    name_us     bigint,
    connect_us  bigint,
    tls_us      bigint,
    total_us    bigint,
    status      integer,                       -- of HTTP
    cert_end    timestamptz,
    PRIMARY KEY (instance_id, probe)
) WITH (fillfactor = 70);

CREATE TABLE probe_sample (
    instance_id integer NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    at          timestamptz NOT NULL,
    probe       text NOT NULL,
    ok          boolean NOT NULL,
    state       text NOT NULL,
    rtt_us      bigint,
    rtt_min_us  bigint,
    rtt_max_us  bigint,
    jitter_us   bigint,
    sent        integer NOT NULL,
    received    integer NOT NULL,
    name_us     bigint,
    connect_us  bigint,
    tls_us      bigint,
    total_us    bigint,
    status      integer NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX probe_sample_at ON probe_sample (instance_id, probe, at);

SELECT make_partitions(2);
