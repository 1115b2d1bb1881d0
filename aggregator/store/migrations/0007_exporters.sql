-- Flows that an exporter told (NetFlow, IPFIX) beside those captured: who told them, through which of
-- its interfaces they went, and how they were sampled. All null for a captured flow.
ALTER TABLE flow
    ADD COLUMN exporter  inet,
    ADD COLUMN input_if  bigint,   -- SNMP ifIndex where the client's packets came in
    ADD COLUMN output_if bigint,
    ADD COLUMN sampling  integer;  -- one packet in so many was looked at; counts are scaled by it
