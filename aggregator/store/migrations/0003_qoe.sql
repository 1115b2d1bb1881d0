-- Quality of flows. What an agent before schema 2 sent, and what is neither TCP nor DNS, stays
-- NULL. Numbers of class, reason, blame and confidence are those of common/wire/quality.h. All but
-- rtt_*_min_us speak of the time since the flow's record before.
ALTER TABLE flow
    ADD COLUMN quality_class          smallint,
    ADD COLUMN quality_profile        smallint,   -- the table of knots that it was judged by
    ADD COLUMN score_c2s              smallint,   -- 0-100, NULL: too little was seen
    ADD COLUMN score_s2c              smallint,
    ADD COLUMN worst_c2s              smallint,   -- of the worst ten seconds
    ADD COLUMN worst_s2c              smallint,
    ADD COLUMN reason_c2s             smallint,   -- what decided there
    ADD COLUMN reason_s2c             smallint,
    ADD COLUMN reason_value_c2s       integer,    -- µs, or how many …
    ADD COLUMN reason_value_s2c       integer,
    ADD COLUMN reason_of_c2s          integer,    -- … of how many
    ADD COLUMN reason_of_s2c          integer,
    ADD COLUMN blame_c2s              smallint,
    ADD COLUMN blame_s2c              smallint,
    ADD COLUMN score_confidence_c2s   smallint,
    ADD COLUMN score_confidence_s2c   smallint,
    ADD COLUMN segments_c2s           integer,    -- TCP, with data
    ADD COLUMN segments_s2c           integer,
    ADD COLUMN lost_before_c2s        integer,    -- before the tap
    ADD COLUMN lost_before_s2c        integer,
    ADD COLUMN needless_c2s           integer,    -- of retransmitted_*: the receiver had them
    ADD COLUMN needless_s2c           integer,
    ADD COLUMN duplicated_c2s         integer,    -- by a mirror or the network
    ADD COLUMN duplicated_s2c         integer,
    ADD COLUMN zero_window_ms_c2s     integer,
    ADD COLUMN zero_window_ms_s2c     integer,
    ADD COLUMN rtt_client_us          integer,    -- median; from the tap to the client and back
    ADD COLUMN rtt_client_min_us      integer,    -- of the whole flow
    ADD COLUMN rtt_client_var_us      integer,
    ADD COLUMN rtt_client_samples     integer,
    ADD COLUMN rtt_server_us          integer,
    ADD COLUMN rtt_server_min_us      integer,
    ADD COLUMN rtt_server_var_us      integer,
    ADD COLUMN rtt_server_samples     integer,
    ADD COLUMN dns_questions          integer,
    ADD COLUMN dns_failed             integer,
    ADD COLUMN dns_unanswered         integer,
    ADD COLUMN dns_answer_us          integer;    -- median, from the first asking
