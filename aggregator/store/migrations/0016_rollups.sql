-- Roll-ups: sums of facts by minute, hour and day, so that a month is not read row by row.
-- Rows say in rollup_dirty, in the transaction that stores them, which time of which instance they
-- belong to; one worker (store/rollup.c) computes those times anew from all their facts. So rows
-- that come late or in any order end in the right sums, and a worker that dies loses nothing.

ALTER TABLE counter_total ADD COLUMN late boolean NOT NULL DEFAULT false; -- came after an absence

-- An inbox that is only appended to; the worker empties it into the list of what is due.
CREATE TABLE rollup_dirty (
    instance_id integer NOT NULL,
    facts       text NOT NULL CHECK (facts IN ('counter', 'flow')),
    at          timestamptz NOT NULL          -- begin of the minute
);
CREATE TABLE rollup_due (
    facts       text NOT NULL,
    level       text NOT NULL CHECK (level IN ('minute', 'hour', 'day')),
    at          timestamptz NOT NULL,
    instance_id integer NOT NULL,
    PRIMARY KEY (facts, level, at, instance_id)
);

-- Up to when each level is complete but for what comes late.
CREATE TABLE rollup_state (
    level text PRIMARY KEY,
    upto  timestamptz NOT NULL
);
INSERT INTO rollup_state VALUES ('minute', '-infinity'), ('hour', '-infinity'), ('day', '-infinity');

-- From when on the facts of a kind are whole: retention has dropped what was before, and roll-ups of
-- that time must stand as they are.
CREATE TABLE rollup_source (
    kind    text PRIMARY KEY,
    from_at timestamptz NOT NULL
);

CREATE TABLE rollup_total_minute (
    instance_id integer NOT NULL,
    at          timestamptz NOT NULL,         -- begin of the minute, hour or day, UTC
    seconds     bigint NOT NULL,              -- that its counters cover
    bytes_in    bigint NOT NULL,
    bytes_out   bigint NOT NULL,
    packets     bigint NOT NULL,
    dropped     bigint NOT NULL,
    flows       integer NOT NULL,             -- of its last counter, as hosts
    hosts       integer NOT NULL,
    flows_max   integer NOT NULL,
    hosts_max   integer NOT NULL,
    late        boolean NOT NULL              -- some of it came after an absence
) PARTITION BY RANGE (at);
CREATE TABLE rollup_total_hour (LIKE rollup_total_minute) PARTITION BY RANGE (at);
CREATE TABLE rollup_total_day (LIKE rollup_total_minute) PARTITION BY RANGE (at);

CREATE TABLE rollup_interface_minute (
    instance_id integer NOT NULL,
    at          timestamptz NOT NULL,
    name        text NOT NULL,
    seconds     bigint NOT NULL,
    bytes_in    bigint NOT NULL,
    bytes_out   bigint NOT NULL,
    packets     bigint NOT NULL,
    dropped     bigint NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE rollup_interface_hour (LIKE rollup_interface_minute) PARTITION BY RANGE (at);
CREATE TABLE rollup_interface_day (LIKE rollup_interface_minute) PARTITION BY RANGE (at);

CREATE TABLE rollup_app_hour (
    instance_id integer NOT NULL,
    at          timestamptz NOT NULL,
    app         text NOT NULL,
    bytes_in    bigint NOT NULL,
    bytes_out   bigint NOT NULL,
    packets     bigint NOT NULL,
    flows       bigint NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE rollup_app_day (LIKE rollup_app_hour) PARTITION BY RANGE (at);

-- The 200 hosts of an instance that carried most in an hour; of a day, those of its hours.
CREATE TABLE rollup_host_hour (
    instance_id integer NOT NULL,
    at          timestamptz NOT NULL,
    host        inet NOT NULL,
    vlan        smallint NOT NULL,
    local       boolean NOT NULL,
    bytes_in    bigint NOT NULL,
    bytes_out   bigint NOT NULL,
    packets     bigint NOT NULL,
    flows       bigint NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE rollup_host_day (LIKE rollup_host_hour) PARTITION BY RANGE (at);

-- How many flows had which score and what decided in their worst ten seconds: distributions, as
-- percentiles of percentiles say nothing. A flow counts once in each hour that has a record of it.
-- Host: both sides of a flow; the 200 of an hour with most flows judged.
CREATE TABLE rollup_quality_hour (
    instance_id integer NOT NULL,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,                -- app or host
    name        text NOT NULL,
    score       smallint,                     -- of the worse direction; NULL: not judged
    reason      smallint,
    flows       bigint NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE rollup_quality_day (LIKE rollup_quality_hour) PARTITION BY RANGE (at);

-- TCP round trips at the handshake, by DDSketch: a value is in bucket ceil(ln(µs) / ln(1.04)), which
-- tells it to 2 % (Masson, Rim, Lee: DDSketch, VLDB 2019). Buckets add up.
CREATE TABLE rollup_latency_hour (
    instance_id integer NOT NULL,
    at          timestamptz NOT NULL,
    side        text NOT NULL,                -- client or server
    bucket      smallint NOT NULL,
    flows       bigint NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE rollup_latency_day (LIKE rollup_latency_hour) PARTITION BY RANGE (at);

DO $$
DECLARE
    part text;
BEGIN
    FOR part IN SELECT relname FROM pg_class WHERE relkind = 'p' AND relname LIKE 'rollup\_%'
                AND relnamespace = current_schema()::regnamespace LOOP
        EXECUTE format('CREATE INDEX %I ON %I (instance_id, at)', part || '_at', part);
    END LOOP;
END $$;

CREATE OR REPLACE VIEW fact_partition AS
    SELECT CASE WHEN parent.relname LIKE 'counter\_%' THEN 'counter'
                WHEN parent.relname LIKE 'rollup\_%' THEN
                    'rollup_' || substring(parent.relname FROM '[a-z]+$')
                ELSE parent.relname END::text AS kind,
           parent.relname::text AS parent, child.relname::text AS name,
           to_date(right(child.relname, 8), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC' AS from_at,
           (to_date(right(child.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' AS to_at,
           pg_total_relation_size(child.oid) AS bytes,
           child.reltuples::bigint AS rows_about -- -1: never counted
    FROM pg_inherits
    JOIN pg_class parent ON parent.oid = inhparent
    JOIN pg_class child ON child.oid = inhrelid
    WHERE parent.relkind = 'p' AND child.relname ~ '_[0-9]{8}$'
      AND parent.relnamespace = current_schema()::regnamespace;

CREATE OR REPLACE FUNCTION drop_partition(child text, detail text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    part record;
BEGIN
    SELECT kind, to_at INTO part FROM fact_partition WHERE name = child;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE %I', child);
    INSERT INTO rollup_source (kind, from_at) VALUES (part.kind, part.to_at)
        ON CONFLICT (kind) DO UPDATE SET from_at = greatest(rollup_source.from_at, excluded.from_at);
    INSERT INTO audit (actor, action, subject, detail)
        VALUES ('retention', 'retention.drop', child, detail);
    RETURN true;
END $$;

INSERT INTO retention (kind, days, updated_by) VALUES
    ('rollup_minute', 32, 'default'), ('rollup_hour', 400, 'default'), ('rollup_day', 3660, 'default')
    ON CONFLICT DO NOTHING;

SELECT make_partitions(2);

-- What is stored already is rolled up by the worker, the hours of the last month.
INSERT INTO rollup_due (facts, level, at, instance_id)
    SELECT DISTINCT 'counter', 'hour', date_trunc('hour', start_at, 'UTC'), instance_id
    FROM counter_total WHERE start_at > now() - interval '32 days'
    UNION SELECT DISTINCT 'counter', 'minute', date_trunc('minute', start_at, 'UTC'), instance_id
    FROM counter_total WHERE start_at > now() - interval '2 days'
    UNION SELECT DISTINCT 'flow', 'hour', date_trunc('hour', last_at, 'UTC'), instance_id
    FROM flow WHERE last_at > now() - interval '32 days';

-- The whole hours (or minutes, days) inside a time that are rolled up: from, up to. Outside of them
-- the finer level is read. Empty when there is none: both are to_at.
CREATE FUNCTION rollup_from(level text, from_at timestamptz, to_at timestamptz)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT least(to_at, CASE WHEN t = from_at THEN t ELSE t + ('1 ' || level)::interval END)
    FROM date_trunc(level, from_at, 'UTC') t
$$;
CREATE FUNCTION rollup_upto(wanted text, from_at timestamptz, to_at timestamptz)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT greatest(rollup_from(wanted, from_at, to_at),
                    least(date_trunc(wanted, to_at, 'UTC'), s.upto))
    FROM rollup_state s WHERE s.level = wanted
$$;

-- Facts of instances in a time, read from the coarsest levels that are no longer than `grain`
-- ('raw', 'minute', 'hour', 'day'): days inside, hours beside them (or minutes), single facts at both ends.
CREATE FUNCTION rollup_bounds(grain text, from_at timestamptz, to_at timestamptz,
                              OUT m0 timestamptz, OUT h0 timestamptz, OUT d0 timestamptz,
                              OUT d1 timestamptz, OUT h1 timestamptz, OUT m1 timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF grain = 'raw' THEN
        SELECT to_at, to_at, to_at, to_at, to_at, to_at INTO m0, h0, d0, d1, h1, m1;
        RETURN;
    END IF;
    m0 := rollup_from(CASE grain WHEN 'day' THEN 'hour' ELSE grain END, from_at, to_at);
    m1 := rollup_upto(CASE grain WHEN 'day' THEN 'hour' ELSE grain END, from_at, to_at);
    h0 := CASE grain WHEN 'minute' THEN m1 ELSE m0 END;
    h1 := m1;
    d0 := CASE grain WHEN 'day' THEN rollup_from('day', h0, h1) ELSE h1 END;
    d1 := CASE grain WHEN 'day' THEN rollup_upto('day', h0, h1) ELSE h1 END;
END $$;

-- One function a kind, made of the same pieces. raw reads facts with $IN for the time of raw_at;
-- rolled reads a level named $LEVEL.
CREATE FUNCTION rollup_reader(name text, returned text, raw text, raw_at text, rolled text,
                              has_minute boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    piece text := ' WHERE instance_id = ANY (ids) AND %1$s >= (SELECT %2$s FROM b)'
                  ' AND %1$s < (SELECT %3$s FROM b)';
    body text := '';
    part text[];
BEGIN
    FOREACH part SLICE 1 IN ARRAY ARRAY[['raw', 'a', 'm0'], ['minute', 'm0', 'h0'],
                                        ['hour', 'h0', 'd0'], ['day', 'd0', 'd1'],
                                        ['hour', 'd1', 'h1'], ['raw', 'm1', 'z']] LOOP
        CONTINUE WHEN part[1] = 'minute' AND NOT has_minute;
        body := body || CASE body WHEN '' THEN '' ELSE ' UNION ALL ' END
            || CASE part[1]
               WHEN 'raw' THEN replace(raw, '$IN', format(piece, raw_at, part[2], part[3]))
               ELSE replace(replace(rolled, '$LEVEL', part[1]), '$IN',
                            format(piece, 'at', part[2], part[3])) END;
    END LOOP;
    EXECUTE format('CREATE FUNCTION %I (ids integer[], a timestamptz, z timestamptz, grain text)
        RETURNS TABLE (%s) LANGUAGE sql STABLE AS $f$
        WITH b AS MATERIALIZED (SELECT a, z, * FROM rollup_bounds(grain, a, z)) %s $f$',
        name, returned, body);
END $$;

SELECT rollup_reader('total_in',
    'instance_id integer, at timestamptz, seconds bigint, bytes_in bigint, bytes_out bigint,'
    ' packets bigint, dropped bigint, flows integer, hosts integer,'
    ' flows_max integer, hosts_max integer, late boolean',
    'SELECT instance_id, start_at, seconds::bigint, bytes_in, bytes_out, packets, dropped, flows,'
    ' hosts, flows, hosts, late FROM counter_total$IN', 'start_at',
    'SELECT instance_id, at, seconds, bytes_in, bytes_out, packets, dropped, flows, hosts,'
    ' flows_max, hosts_max, late FROM rollup_total_$LEVEL$IN', true);
SELECT rollup_reader('interface_in',
    'instance_id integer, at timestamptz, name text, seconds bigint, bytes_in bigint,'
    ' bytes_out bigint, packets bigint, dropped bigint',
    'SELECT instance_id, start_at, name, seconds::bigint, bytes_in, bytes_out, packets, dropped'
    ' FROM counter_interface$IN', 'start_at',
    'SELECT instance_id, at, name, seconds, bytes_in, bytes_out, packets, dropped'
    ' FROM rollup_interface_$LEVEL$IN', true);
SELECT rollup_reader('app_in',
    'instance_id integer, at timestamptz, app text, bytes_in bigint, bytes_out bigint,'
    ' packets bigint, flows bigint',
    'SELECT instance_id, start_at, app, bytes_in, bytes_out, packets, flows::bigint'
    ' FROM counter_app$IN', 'start_at',
    'SELECT instance_id, at, app, bytes_in, bytes_out, packets, flows FROM rollup_app_$LEVEL$IN', false);
SELECT rollup_reader('host_in',
    'instance_id integer, at timestamptz, host inet, vlan smallint, local boolean,'
    ' bytes_in bigint, bytes_out bigint, packets bigint, flows bigint',
    'SELECT instance_id, start_at, host, vlan, local, bytes_in, bytes_out, packets, flows::bigint'
    ' FROM counter_host_top$IN', 'start_at',
    'SELECT instance_id, at, host, vlan, local, bytes_in, bytes_out, packets, flows'
    ' FROM rollup_host_$LEVEL$IN', false);

-- The flows of a time, each once: its last application, the score of its worse direction, and what
-- decided in its worst ten seconds.
CREATE FUNCTION flow_quality(ids integer[], a timestamptz, z timestamptz)
RETURNS TABLE (instance_id integer, client inet, server inet, app text, score smallint,
               reason smallint) LANGUAGE sql STABLE AS $$
    SELECT f.instance_id, f.client, f.server, (array_agg(f.app ORDER BY last_at DESC))[1],
           round(least(avg(score_c2s), avg(score_s2c)))::smallint,
           (array_agg(CASE WHEN worst_c2s <= coalesce(worst_s2c, 100) THEN reason_c2s
                           ELSE reason_s2c END ORDER BY least(worst_c2s, worst_s2c)))[1]
    FROM flow f
    WHERE f.instance_id = ANY (ids) AND last_at >= a AND last_at < z AND quality_class IS NOT NULL
    GROUP BY f.instance_id, epoch, flow_id, f.client, f.server
$$;
-- The same, counted by application and by host.
CREATE FUNCTION quality_count(ids integer[], a timestamptz, z timestamptz)
RETURNS TABLE (instance_id integer, kind text, name text, score smallint, reason smallint,
               flows bigint) LANGUAGE sql STABLE AS $$
    WITH f AS MATERIALIZED (SELECT * FROM flow_quality(ids, a, z))
    SELECT f.instance_id, 'app', f.app, f.score, f.reason, count(*) FROM f GROUP BY 1, 3, 4, 5
    UNION ALL
    SELECT s.instance_id, 'host', host(s.host), s.score, s.reason, count(*)
    FROM (SELECT f.instance_id, client AS host, f.score, f.reason FROM f
          UNION ALL SELECT f.instance_id, server, f.score, f.reason FROM f) s
    WHERE s.score IS NOT NULL GROUP BY 1, 3, 4, 5
$$;
CREATE FUNCTION latency_count(ids integer[], a timestamptz, z timestamptz)
RETURNS TABLE (instance_id integer, side text, bucket smallint, flows bigint)
LANGUAGE sql STABLE AS $$
    SELECT f.instance_id, s.side, ceil(ln(s.us) / ln(1.04::float8))::smallint, count(*)
    FROM flow f, LATERAL (VALUES ('client', handshake_client_us), ('server', handshake_server_us))
                         s (side, us)
    WHERE f.instance_id = ANY (ids) AND last_at >= a AND last_at < z AND protocol_l4 = 6
      AND s.us > 0
    GROUP BY 1, 2, 3
$$;

-- Quality reads its ends through the functions above; they group, so at is their begin.
CREATE FUNCTION quality_in(ids integer[], a timestamptz, z timestamptz, grain text)
RETURNS TABLE (instance_id integer, kind text, name text, score smallint, reason smallint,
               flows bigint) LANGUAGE sql STABLE AS $$
    WITH b AS MATERIALIZED (SELECT * FROM rollup_bounds(grain, a, z))
    SELECT q.* FROM b, quality_count(ids, a, h0) q WHERE h0 > a
    UNION ALL SELECT q.* FROM b, quality_count(ids, h1, z) q WHERE z > h1
    UNION ALL SELECT instance_id, kind, name, score, reason, flows FROM rollup_quality_hour
        WHERE instance_id = ANY (ids) AND at >= (SELECT h0 FROM b) AND at < (SELECT d0 FROM b)
    UNION ALL SELECT instance_id, kind, name, score, reason, flows FROM rollup_quality_hour
        WHERE instance_id = ANY (ids) AND at >= (SELECT d1 FROM b) AND at < (SELECT h1 FROM b)
    UNION ALL SELECT instance_id, kind, name, score, reason, flows FROM rollup_quality_day
        WHERE instance_id = ANY (ids) AND at >= (SELECT d0 FROM b) AND at < (SELECT d1 FROM b)
$$;
CREATE FUNCTION latency_in(ids integer[], a timestamptz, z timestamptz, grain text)
RETURNS TABLE (instance_id integer, side text, bucket smallint, flows bigint)
LANGUAGE sql STABLE AS $$
    WITH b AS MATERIALIZED (SELECT * FROM rollup_bounds(grain, a, z))
    SELECT q.* FROM b, latency_count(ids, a, h0) q WHERE h0 > a
    UNION ALL SELECT q.* FROM b, latency_count(ids, h1, z) q WHERE z > h1
    UNION ALL SELECT instance_id, side, bucket, flows FROM rollup_latency_hour
        WHERE instance_id = ANY (ids) AND at >= (SELECT h0 FROM b) AND at < (SELECT d0 FROM b)
    UNION ALL SELECT instance_id, side, bucket, flows FROM rollup_latency_hour
        WHERE instance_id = ANY (ids) AND at >= (SELECT d1 FROM b) AND at < (SELECT h1 FROM b)
    UNION ALL SELECT instance_id, side, bucket, flows FROM rollup_latency_day
        WHERE instance_id = ANY (ids) AND at >= (SELECT d0 FROM b) AND at < (SELECT d1 FROM b)
$$;
