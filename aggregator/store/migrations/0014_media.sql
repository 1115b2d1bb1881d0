-- RTP of flows: what an agent before schema 7 sent, and what is no RTP, stays NULL. Counts are of all
-- streams of a direction since the flow's record before; the rest is of the one with most packets.
ALTER TABLE flow
    ADD COLUMN call_id             text,       -- SIP Call-ID that announced the media
    ADD COLUMN call_state          smallint,   -- 1 trying, 2 ringing, 3 up, 4 over, 5 failed
    ADD COLUMN call_held           boolean,
    ADD COLUMN rtp_streams_c2s     smallint,
    ADD COLUMN rtp_streams_s2c     smallint,
    ADD COLUMN rtp_ssrc_c2s        bigint,
    ADD COLUMN rtp_ssrc_s2c        bigint,
    ADD COLUMN rtp_type_c2s        smallint,   -- payload type
    ADD COLUMN rtp_type_s2c        smallint,
    ADD COLUMN rtp_codec_c2s       text,
    ADD COLUMN rtp_codec_s2c       text,
    ADD COLUMN rtp_clock_hz_c2s    integer,
    ADD COLUMN rtp_clock_hz_s2c    integer,
    ADD COLUMN rtp_packets_c2s     integer,
    ADD COLUMN rtp_packets_s2c     integer,
    ADD COLUMN rtp_lost_c2s        integer,    -- never came to the tap
    ADD COLUMN rtp_lost_s2c        integer,
    ADD COLUMN rtp_duplicated_c2s  integer,
    ADD COLUMN rtp_duplicated_s2c  integer,
    ADD COLUMN rtp_late_c2s        integer,    -- behind a later one
    ADD COLUMN rtp_late_s2c        integer,
    ADD COLUMN rtp_discarded_c2s   integer,    -- too late for a receiver's buffer
    ADD COLUMN rtp_discarded_s2c   integer,
    ADD COLUMN rtp_burst_c2s       integer,    -- BurstR in hundredths; NULL: none lost
    ADD COLUMN rtp_burst_s2c       integer,
    ADD COLUMN rtp_jitter_us_c2s     integer,  -- RFC 3550, mean; NULL: the clock is not known
    ADD COLUMN rtp_jitter_us_s2c     integer,
    ADD COLUMN rtp_jitter_max_us_c2s integer,
    ADD COLUMN rtp_jitter_max_us_s2c integer,
    ADD COLUMN rtp_gap_ms_c2s      integer,    -- longest silence
    ADD COLUMN rtp_gap_ms_s2c      integer,
    ADD COLUMN rtp_mos_c2s         smallint,   -- thousandths, E-model; NULL: no speech
    ADD COLUMN rtp_mos_s2c         smallint,
    ADD COLUMN rtp_mos_worst_c2s   smallint,   -- of the worst ten seconds
    ADD COLUMN rtp_mos_worst_s2c   smallint,
    ADD COLUMN rtp_mos_reported_c2s smallint,  -- by the receiver (RTCP XR)
    ADD COLUMN rtp_mos_reported_s2c smallint;
