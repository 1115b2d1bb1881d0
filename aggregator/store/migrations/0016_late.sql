-- What came late: an alert that happened long before it arrived says both times, and is told in a
-- digest of its instance rather than as news.
ALTER TABLE alert ADD COLUMN arrived_at timestamptz; -- NULL: when it happened
ALTER TABLE notify_outbox ADD COLUMN late boolean NOT NULL DEFAULT false;
