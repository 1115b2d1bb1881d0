-- Reports and their schedules, and how long facts are kept.
-- A scope is 'fleet', 'site:NAME' or 'instance:NAME'.

CREATE TABLE report_schedule (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE CHECK (name <> ''),
    scope      text NOT NULL,
    rhythm     text NOT NULL CHECK (rhythm IN ('daily', 'weekly', 'monthly')),
    hour       smallint NOT NULL CHECK (hour BETWEEN 0 AND 23), -- in time_zone
    time_zone  text NOT NULL,
    keep       integer NOT NULL CHECK (keep BETWEEN 1 AND 400), -- reports; older ones go
    enabled    boolean NOT NULL DEFAULT true,
    next_at    timestamptz NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- From the wish for it to its page. The page is whole in itself; csp goes with it.
CREATE TABLE report (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schedule_id bigint REFERENCES report_schedule (id) ON DELETE SET NULL,
    scope       text NOT NULL,
    from_at     timestamptz NOT NULL,
    to_at       timestamptz NOT NULL CHECK (to_at > from_at),
    time_zone   text NOT NULL,
    state       text NOT NULL DEFAULT 'queued'
                CHECK (state IN ('queued', 'running', 'done', 'failed')),
    progress    smallint NOT NULL DEFAULT 0,  -- percent
    tries       smallint NOT NULL DEFAULT 0,
    error       text NOT NULL DEFAULT '',
    html        text,
    csp         text,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX report_waiting ON report (id) WHERE state IN ('queued', 'running');
CREATE INDEX report_of_schedule ON report (schedule_id, id);

-- When a schedule is due next after a time: whole days, weeks (from Monday) and months of its zone.
CREATE FUNCTION report_due(rhythm text, hour integer, zone text, after timestamptz)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN this > after THEN this ELSE next END
    FROM (SELECT (start + hour * interval '1 hour') AT TIME ZONE zone AS this,
                 (start + step + hour * interval '1 hour') AT TIME ZONE zone AS next
          FROM (SELECT date_trunc(unit, after AT TIME ZONE zone) AS start,
                       ('1 ' || unit)::interval AS step
                FROM (SELECT CASE rhythm WHEN 'daily' THEN 'day' WHEN 'weekly' THEN 'week'
                                         ELSE 'month' END AS unit) u) s) t
$$;

-- How long facts are kept. A kind is a partitioned table; all counters are one. NULL: no limit.
CREATE TABLE retention (
    kind       text PRIMARY KEY,
    days       integer CHECK (days BETWEEN 1 AND 36500),
    bytes      bigint CHECK (bytes > 0),
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Every partition of a day, with its limits and its size on disk.
CREATE VIEW fact_partition AS
    SELECT CASE WHEN parent.relname LIKE 'counter\_%' THEN 'counter' ELSE parent.relname END::text
               AS kind,
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

-- Drops one of them and notes it: nothing goes without a row of audit. False: it is gone already.
CREATE FUNCTION drop_partition(child text, detail text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fact_partition WHERE name = child) THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE %I', child);
    INSERT INTO audit (actor, action, subject, detail)
        VALUES ('retention', 'retention.drop', child, detail);
    RETURN true;
END $$;

-- Rows of days long gone (a file replayed with its own times, an agent back after weeks) wait in
-- the default partitions, where no limit reaches them: they get partitions of their own days.
CREATE FUNCTION split_defaults() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    part record;
    day date;
    child text;
    made integer := 0;
BEGIN
    FOR part IN SELECT c.relname AS name, a.attname AS at FROM pg_partitioned_table p
                JOIN pg_class c ON c.oid = p.partrelid
                JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
                WHERE c.relnamespace = current_schema()::regnamespace AND p.partdefid <> 0 LOOP
        FOR day IN EXECUTE format('SELECT DISTINCT (%I AT TIME ZONE ''UTC'')::date FROM %I
                                   WHERE %I < now() - interval ''2 days'' LIMIT 60',
                                  part.at, part.name || '_default', part.at) LOOP
            child := part.name || '_' || to_char(day, 'YYYYMMDD');
            IF to_regclass(child) IS NULL THEN
                PERFORM make_partition(part.name, child, day);
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
