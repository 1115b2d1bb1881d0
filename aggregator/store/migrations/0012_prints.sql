-- What the ends of a flow gave away of themselves in clear (definitions in version print_version),
-- and its Community ID v1. All null when nothing was seen, and for records from before.
ALTER TABLE flow
    ADD COLUMN community_id   text,
    ADD COLUMN print_version  smallint,
    ADD COLUMN ja4            text,   -- TLS: the client's offer
    ADD COLUMN ja3            bytea,
    ADD COLUMN ja3s           bytea,
    ADD COLUMN hassh          bytea,  -- SSH: the client's offer, and the server's
    ADD COLUMN hassh_server   bytea,
    ADD COLUMN user_agent     text,   -- of clear HTTP
    ADD COLUMN tcp_print      text,   -- of the SYN, TCPFP 0.4
    ADD COLUMN tcp_print_2025 text,
    ADD COLUMN tcp_options    bytea,  -- of the SYN, timestamps cleared
    ADD COLUMN tcp_hops       smallint;
