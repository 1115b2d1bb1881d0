-- Configuration that is defined here and pushed to the agents. An item belongs to a section and a
-- scope; an item of the same name in a narrower scope takes the place of a wider one.

CREATE TABLE config_item (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    section    text NOT NULL CHECK (section ~ '^[a-z]{1,32}$'),
    scope      text NOT NULL CHECK (scope ~ '^(fleet|(site|instance):[a-z0-9][a-z0-9-]{0,62})$'),
    name       text NOT NULL,
    enabled    boolean NOT NULL,
    position   integer NOT NULL,               -- within section and scope; the order of judgement
    body       jsonb NOT NULL,                 -- without its secrets
    secrets    jsonb NOT NULL DEFAULT '{}',    -- member → sealed text
    version    integer NOT NULL DEFAULT 1,     -- counts its changes
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL,
    UNIQUE (section, scope, name)
);

-- Each item as it was after each change, and as it was when it was deleted.
CREATE TABLE config_history (
    item_id  bigint NOT NULL,
    version  integer NOT NULL,
    action   text NOT NULL CHECK (action IN ('created', 'changed', 'deleted')),
    section  text NOT NULL,
    scope    text NOT NULL,
    name     text NOT NULL,
    enabled  boolean NOT NULL,
    position integer NOT NULL,
    body     jsonb NOT NULL,
    secrets  jsonb NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    by_user  text NOT NULL,
    PRIMARY KEY (item_id, version)
);

-- What each instance is to have in force, and what it says that it has.
CREATE TABLE config_state (
    instance_id    integer PRIMARY KEY REFERENCES instance (id),
    revision       bigint NOT NULL DEFAULT 0,  -- wanted; 0: it never had any item
    hash           text NOT NULL DEFAULT '',   -- SHA-256 of the document of that revision
    content        text NOT NULL DEFAULT '',   -- SHA-256 of its items as they are stored
    made_at        timestamptz NOT NULL DEFAULT now(),
    in_force       bigint NOT NULL DEFAULT 0,  -- as last reported, as is all below
    in_force_hash  text NOT NULL DEFAULT '',
    in_force_at    timestamptz,                -- since when
    refused        bigint NOT NULL DEFAULT 0,
    refused_reason text NOT NULL DEFAULT ''
) WITH (fillfactor = 70);

-- How often the rules were hit. An agent counts from 0 with each run of its own.
CREATE TABLE config_hit (
    item_id     bigint NOT NULL REFERENCES config_item (id) ON DELETE CASCADE,
    instance_id integer NOT NULL REFERENCES instance (id),
    run         text NOT NULL,
    seen        bigint NOT NULL,               -- the count of that run
    hits        bigint NOT NULL,               -- of all runs
    last_at     timestamptz,
    PRIMARY KEY (item_id, instance_id)
) WITH (fillfactor = 70);
