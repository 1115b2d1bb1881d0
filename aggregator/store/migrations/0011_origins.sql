-- What a flow came out of, and where its ends are. All null where there was no tunnel, or where the
-- agent has no database that knows.
ALTER TABLE flow
    ADD COLUMN tunnel         smallint, -- as in the record: 1 IP in IP, 2 GRE…
    ADD COLUMN tunnel_id      bigint,   -- VNI, key, session; TEID of the first packet
    ADD COLUMN client_country text,     -- ISO 3166-1 alpha-2
    ADD COLUMN client_asn     bigint,   -- number of the autonomous system
    ADD COLUMN client_as      text,     -- who runs it
    ADD COLUMN server_country text,
    ADD COLUMN server_asn     bigint,
    ADD COLUMN server_as      text;
