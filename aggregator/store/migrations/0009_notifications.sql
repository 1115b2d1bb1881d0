-- Who is told of alerts, and what was sent. Changes of alerts enter notify_outbox in the very
-- statement that makes them; from there they fan out to the recipients that want them (notify_item)
-- and are put together into messages (delivery).

CREATE TABLE recipient (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL UNIQUE CHECK (name <> ''),
    type         text NOT NULL CHECK (type IN ('email', 'webhook')),
    address      text NOT NULL,               -- of e-mail, or a URL
    secret       text,                        -- key of the webhook's signature, sealed
    min_severity text NOT NULL DEFAULT 'warning',
    families     text[] NOT NULL DEFAULT '{}', -- empty: all
    sites        text[] NOT NULL DEFAULT '{}', -- empty: all, and the centre's own alerts
    recovery     boolean NOT NULL DEFAULT true, -- told of the end, too
    enabled      boolean NOT NULL DEFAULT true,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

-- The one mail server that all e-mail goes through.
CREATE TABLE mail_server (
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    host        text NOT NULL,
    port        integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
    security    text NOT NULL CHECK (security IN ('starttls', 'tls', 'none')),
    login       text NOT NULL DEFAULT '',
    password    text,                         -- sealed
    sender      text NOT NULL,                -- address of From
    console_url text NOT NULL DEFAULT '',     -- for links in messages
    updated_by  text NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);

-- Bucket: an event that repeats in the same row of alert is told once an hour.
CREATE TABLE notify_outbox (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL,
    change   text NOT NULL CHECK (change IN ('began', 'ended')),
    bucket   bigint NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    fanned   boolean NOT NULL DEFAULT false,
    UNIQUE (alert_id, change, bucket)
);
CREATE INDEX notify_outbox_waiting ON notify_outbox (id) WHERE NOT fanned;

-- One message. Its key is the same however often it is tried, so that a receiver can tell.
CREATE TABLE delivery (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    recipient_id bigint NOT NULL REFERENCES recipient (id) ON DELETE CASCADE,
    test         boolean NOT NULL DEFAULT false,
    alerts       integer NOT NULL,
    subject      text NOT NULL,
    body         text NOT NULL DEFAULT '',
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
    tries        smallint NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL DEFAULT now(),
    error        text NOT NULL DEFAULT '',    -- of the last try
    created_at   timestamptz NOT NULL DEFAULT now(),
    sent_at      timestamptz
);
CREATE INDEX delivery_waiting ON delivery (next_at) WHERE state = 'waiting';
CREATE INDEX delivery_of_recipient ON delivery (recipient_id, id DESC);

CREATE TABLE notify_item (
    recipient_id bigint NOT NULL REFERENCES recipient (id) ON DELETE CASCADE,
    outbox_id    bigint NOT NULL REFERENCES notify_outbox (id) ON DELETE CASCADE,
    delivery_id  bigint REFERENCES delivery (id) ON DELETE CASCADE,
    PRIMARY KEY (recipient_id, outbox_id)
);
CREATE INDEX notify_item_waiting ON notify_item (recipient_id, outbox_id) WHERE delivery_id IS NULL;
CREATE INDEX notify_item_outbox ON notify_item (outbox_id);
CREATE INDEX notify_item_delivery ON notify_item (delivery_id);
