-- All round trips that a flow's record stands on, so that those of several records have one median:
-- six bytes each, a code of 16 bits (common/latency.h) and how often, the greater byte first. NULL:
-- the flow's only record, whose median says it all, or an agent before schema 8.
ALTER TABLE flow
    ADD COLUMN rtt_client_trips bytea,
    ADD COLUMN rtt_server_trips bytea,
    ADD COLUMN rtt_by smallint; -- 1 QUIC's handshake, 2 its spin bit, 3 TCP's acknowledgements, 4 RTCP

-- The least latency of a code, µs: as latency_us of common/latency.c.
CREATE FUNCTION latency_us(code integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN code >> 11 <= 11
        THEN ((code & 2047 | 2048) >> (11 - (code >> 11)))::bigint
        ELSE (code & 2047 | 2048)::bigint << ((code >> 11) - 11) END
$$;

-- The median of all round trips of several records of one flow; of a record without them each counts
-- as that record's median. The lower of two that share the middle; NULL when there are none.
CREATE FUNCTION trips_median(trips bytea[], medians integer[], samples integer[]) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH bins AS (
        SELECT latency_us(get_byte(t, i) << 8 | get_byte(t, i + 1)) AS us,
            get_byte(t, i + 2)::bigint << 24 | get_byte(t, i + 3) << 16
            | get_byte(t, i + 4) << 8 | get_byte(t, i + 5) AS count
        FROM unnest(trips) AS t, generate_series(0, length(t) - 6, 6) AS i
        UNION ALL
        SELECT median, sample FROM unnest(trips, medians, samples) AS r(t, median, sample)
        WHERE t IS NULL AND sample > 0
    ), sums AS (
        SELECT us, sum(sum(count)) OVER (ORDER BY us) AS upto, sum(sum(count)) OVER () AS total
        FROM bins GROUP BY us
    )
    SELECT us FROM sums WHERE 2 * upto >= total ORDER BY us LIMIT 1
$$;
