-- The core of the store: who the instances are, how far each stream is stored, and the facts.
-- Facts are partitioned by day with BRIN on time; a DEFAULT partition takes what falls outside.
-- Every fact carries (instance_id, epoch, seq): the identity under which its agent accepted it.

CREATE TABLE site (
    name       text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE instance (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    title         text NOT NULL,
    site          text NOT NULL REFERENCES site (name),
    state         text NOT NULL DEFAULT 'invited',
    cause         text,
    reasons       integer NOT NULL DEFAULT 0, -- bits of the heartbeat's reasons
    state_since   timestamptz NOT NULL DEFAULT now(),
    outage_from   timestamptz,                -- begin of the outage that is not over
    last_outage   interval,                   -- length of the last one that is
    last_seen_at  timestamptz,
    boot_id       text,
    version       text NOT NULL DEFAULT '',
    host          text NOT NULL DEFAULT '',
    os            text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

-- A token is good for `uses_left` enrolments of one name. Only its SHA-256 is kept.
CREATE TABLE token (
    hash        text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    instance_id integer NOT NULL REFERENCES instance (id),
    uses_left   integer NOT NULL CHECK (uses_left >= 0),
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- The public keys that agents made and enrolled with; a revoked one never comes back.
CREATE TABLE instance_key (
    nkey        text PRIMARY KEY CHECK (nkey ~ '^U[A-Z2-7]{55}$'),
    instance_id integer NOT NULL REFERENCES instance (id),
    token_hash  text REFERENCES token (hash),
    enrolled_at timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz
);
CREATE INDEX instance_key_instance ON instance_key (instance_id);

-- How far each stream of each spool is stored: the judge of what is a repetition.
CREATE TABLE cursor (
    instance_id integer NOT NULL REFERENCES instance (id),
    stream      smallint NOT NULL,            -- 1 alert, 2 counter, 3 flow
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (instance_id, stream, epoch)
) WITH (fillfactor = 50);

-- Records that an agent accepted and then dropped by a named cap: they will never come.
CREATE TABLE gap (
    instance_id integer NOT NULL REFERENCES instance (id),
    stream      smallint NOT NULL,
    epoch       bigint NOT NULL,
    from_seq    bigint NOT NULL,
    to_seq      bigint NOT NULL,
    reason      text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (instance_id, stream, epoch, from_seq)
);

-- What could not be read: bytes (bounded) and the reason. The writer keeps the table small.
CREATE TABLE quarantine (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance    text NOT NULL,
    stream      smallint,
    epoch       bigint,
    seq         bigint,
    reason      text NOT NULL,
    bytes       bytea NOT NULL,
    at          timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE flow (
    instance_id         integer NOT NULL,
    epoch               bigint NOT NULL,
    seq                 bigint NOT NULL,
    flow_id             bigint NOT NULL,      -- 64 bits without sign, kept as they are
    first_at            timestamptz NOT NULL,
    last_at             timestamptz NOT NULL,
    client              inet NOT NULL,
    server              inet NOT NULL,
    client_port         integer NOT NULL,
    server_port         integer NOT NULL,
    vlan                smallint NOT NULL,
    protocol_l4         smallint NOT NULL,    -- IANA number
    status              smallint NOT NULL,    -- enum flow_status
    final               boolean NOT NULL,
    truncated           boolean NOT NULL,
    confidence          smallint NOT NULL,
    bytes_c2s           bigint NOT NULL,
    bytes_s2c           bigint NOT NULL,
    packets_c2s         bigint NOT NULL,
    packets_s2c         bigint NOT NULL,
    retransmitted_c2s   bigint NOT NULL,
    retransmitted_s2c   bigint NOT NULL,
    out_of_order_c2s    bigint NOT NULL,
    out_of_order_s2c    bigint NOT NULL,
    tcp_flags_c2s       smallint NOT NULL,
    tcp_flags_s2c       smallint NOT NULL,
    handshake_client_us bigint,
    handshake_server_us bigint,
    risks               bigint NOT NULL,      -- bit n: alert kind n
    client_mac          macaddr,
    server_mac          macaddr,
    source              text NOT NULL,
    protocol            text NOT NULL,
    app                 text NOT NULL,
    category            text NOT NULL,
    host                text NOT NULL,
    info                text NOT NULL
) PARTITION BY RANGE (last_at);
CREATE INDEX flow_last_at ON flow USING brin (last_at) WITH (pages_per_range = 16);

-- An instance's traffic in one interval of `seconds`, from start_at on. Deltas.
CREATE TABLE counter_total (
    instance_id integer NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    start_at    timestamptz NOT NULL,
    seconds     integer NOT NULL,
    bytes_in    bigint NOT NULL,              -- server to client
    bytes_out   bigint NOT NULL,              -- client to server
    packets     bigint NOT NULL,
    dropped     bigint NOT NULL,
    flows       integer NOT NULL,             -- live at the end
    hosts       integer NOT NULL              -- active at the end
) PARTITION BY RANGE (start_at);
CREATE INDEX counter_total_at ON counter_total (instance_id, start_at);

CREATE TABLE counter_interface (
    instance_id integer NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    start_at    timestamptz NOT NULL,
    seconds     integer NOT NULL,
    name        text NOT NULL,
    bytes_in    bigint NOT NULL,
    bytes_out   bigint NOT NULL,
    packets     bigint NOT NULL,
    dropped     bigint NOT NULL,
    flows       integer NOT NULL              -- new ones
) PARTITION BY RANGE (start_at);
CREATE INDEX counter_interface_at ON counter_interface (instance_id, start_at);

CREATE TABLE counter_app (
    instance_id integer NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    start_at    timestamptz NOT NULL,
    seconds     integer NOT NULL,
    app         text NOT NULL,
    bytes_in    bigint NOT NULL,
    bytes_out   bigint NOT NULL,
    packets     bigint NOT NULL,
    flows       integer NOT NULL
) PARTITION BY RANGE (start_at);
CREATE INDEX counter_app_at ON counter_app USING brin (start_at) WITH (pages_per_range = 16);

CREATE TABLE counter_host_top (
    instance_id integer NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    start_at    timestamptz NOT NULL,
    seconds     integer NOT NULL,
    host        inet NOT NULL,
    vlan        smallint NOT NULL,
    local       boolean NOT NULL,
    bytes_in    bigint NOT NULL,              -- received
    bytes_out   bigint NOT NULL,              -- sent
    packets     bigint NOT NULL,
    flows       integer NOT NULL
) PARTITION BY RANGE (start_at);
CREATE INDEX counter_host_top_at ON counter_host_top USING brin (start_at) WITH (pages_per_range = 16);

-- Each alert record as it came, so that nothing that was accepted is ever without a row.
CREATE TABLE alert_event (
    instance_id integer NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    at          timestamptz NOT NULL,
    kind        smallint NOT NULL,
    action      smallint NOT NULL,            -- 1 event, 2 engage, 3 release
    score       smallint NOT NULL,
    entity      smallint NOT NULL,            -- enum alert_entity
    entity_id   text NOT NULL,
    key         text NOT NULL,
    flow_id     bigint,
    client      inet,
    server      inet,
    client_port integer,
    server_port integer,
    protocol_l4 smallint,
    protocol    text NOT NULL,
    app         text NOT NULL,
    host        text NOT NULL,
    detail      text NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX alert_event_at ON alert_event USING brin (at) WITH (pages_per_range = 16);

-- The life of an alert. One row is engaged at a time for an instance, kind, entity and key; its
-- end makes it history. Events that repeat count up in one row. instance_id is NULL for the centre.
CREATE TABLE alert (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance_id integer REFERENCES instance (id),
    kind        smallint NOT NULL,
    entity      smallint NOT NULL,
    entity_id   text NOT NULL,
    key         text NOT NULL,
    state       text NOT NULL CHECK (state IN ('engaged', 'released', 'event')),
    score       smallint NOT NULL,
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    released_at timestamptz,
    count       bigint NOT NULL DEFAULT 1,
    epoch       bigint,                       -- of the record that began it; NULL for the centre's
    seq         bigint,
    flow_id     bigint,
    client      inet,
    server      inet,
    client_port integer,
    server_port integer,
    protocol    text NOT NULL DEFAULT '',
    app         text NOT NULL DEFAULT '',
    host        text NOT NULL DEFAULT '',
    detail      text NOT NULL DEFAULT ''
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX alert_open
    ON alert (coalesce(instance_id, 0), kind, entity, entity_id, key, state)
    WHERE state IN ('engaged', 'event');
CREATE INDEX alert_last_at ON alert (last_at DESC, id DESC);

-- Every transition: when, from what, to what, why, and what was seen.
CREATE TABLE instance_state_change (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance_id integer NOT NULL REFERENCES instance (id),
    at          timestamptz NOT NULL,
    from_state  text,
    to_state    text NOT NULL,
    cause       text,
    reasons     integer NOT NULL DEFAULT 0,
    evidence    text NOT NULL DEFAULT '',
    outage      interval                      -- on the change that ends an outage
);
CREATE INDEX instance_state_change_at ON instance_state_change (instance_id, id DESC);

-- Who did what, from where. Rows are only ever added.
CREATE TABLE audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    actor   text NOT NULL,                    -- user, or "picketctl"
    address text NOT NULL DEFAULT '',
    action  text NOT NULL,                    -- "agent.add", "user.add", "session.open"…
    subject text NOT NULL DEFAULT '',
    detail  text NOT NULL DEFAULT ''
);
CREATE INDEX audit_at ON audit (at DESC);

-- Makes the partitions of every fact table from yesterday to `ahead` days on, and the default ones.
CREATE FUNCTION make_partitions(ahead integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part record;
    day date;
    child text;
BEGIN
    FOR part IN SELECT c.relname AS name FROM pg_class c
                WHERE c.relkind = 'p' AND c.relnamespace = current_schema()::regnamespace LOOP
        child := part.name || '_default';
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', child, part.name);
        END IF;
        FOR i IN -1 .. ahead LOOP
            day := (now() AT TIME ZONE 'UTC')::date + i;
            child := part.name || '_' || to_char(day, 'YYYYMMDD');
            IF to_regclass(child) IS NULL THEN
                PERFORM make_partition(part.name, child, day);
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- One day of one table. Rows of that day that already wait in the default partition move over.
CREATE FUNCTION make_partition(parent text, child text, day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    at text;
    lower timestamptz := day::timestamp AT TIME ZONE 'UTC';
    upper timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    SELECT a.attname INTO at FROM pg_partitioned_table p
        JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partrelid = parent::regclass;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', child, parent);
    EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *)
                    INSERT INTO %I SELECT * FROM moved',
                   parent || '_default', at, lower, at, upper, child);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   parent, child, lower, upper);
END $$;

SELECT make_partitions(2);
