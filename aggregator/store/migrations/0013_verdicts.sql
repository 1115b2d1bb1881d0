-- What an asset runs and what kind of device it is, as its agent judges, with what tells it.
-- Words are those of the asset record; '' when nothing is known.
ALTER TABLE asset
    ADD COLUMN os           text NOT NULL DEFAULT '',
    ADD COLUMN os_score     smallint NOT NULL DEFAULT 0,   -- 0 to 100
    ADD COLUMN device       text NOT NULL DEFAULT '',
    ADD COLUMN device_score smallint NOT NULL DEFAULT 0,
    ADD COLUMN clues        jsonb NOT NULL DEFAULT '[]';   -- [{kind, value, says, weight, last_ms}]
