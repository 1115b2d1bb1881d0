-- What came late: an alert that happened long before it arrived says both times, and is told in a
-- digest of its instance rather than as news.
ALTER TABLE alert ADD COLUMN arrived_at timestamptz; -- NULL: when it happened
ALTER TABLE notify_outbox ADD COLUMN late boolean NOT NULL DEFAULT false;

-- About when what is missing happened: from what was stored before it to the record behind it.
ALTER TABLE gap ADD COLUMN from_at timestamptz, ADD COLUMN to_at timestamptz;
CREATE INDEX gap_at ON gap (instance_id, at DESC);
