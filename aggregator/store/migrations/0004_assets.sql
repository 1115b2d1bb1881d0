-- What the sites consist of: local hosts by instance, VLAN and address, with what is known of them.
-- Written from the asset stream in the transaction of its cursor; the newest record of an asset
-- wins, times only widen, and what an agent no longer lists stays with the time it was last seen.

CREATE TABLE asset (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance_id integer NOT NULL REFERENCES instance (id),
    host        inet NOT NULL,
    vlan        smallint NOT NULL,
    mac         macaddr,
    mac_shared  boolean NOT NULL,             -- of a router: many addresses carry it
    vendor      text NOT NULL,
    name        text NOT NULL,                -- the best of its names; '' when it has none
    online      boolean NOT NULL,             -- as the agent last said
    always_on   boolean NOT NULL,
    missing     boolean NOT NULL,
    since_at    timestamptz NOT NULL,         -- online or offline since
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    search      text NOT NULL,                -- address, MAC, vendor and names, in lower case
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (instance_id, host, vlan)
) WITH (fillfactor = 70);
CREATE INDEX asset_mac ON asset (mac);
CREATE INDEX asset_host ON asset USING gist (host inet_ops);
CREATE INDEX asset_last_at ON asset (last_at DESC, id DESC);

CREATE TABLE asset_name (
    asset_id bigint NOT NULL REFERENCES asset (id) ON DELETE CASCADE,
    source   text NOT NULL,                   -- dhcp, mdns, netbios, llmnr, dns, tls, http
    name     text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    PRIMARY KEY (asset_id, source, name)
) WITH (fillfactor = 70);
CREATE INDEX asset_name_name ON asset_name (lower(name));

CREATE TABLE asset_service (
    asset_id bigint NOT NULL REFERENCES asset (id) ON DELETE CASCADE,
    l4       smallint NOT NULL,               -- IANA number: 6 TCP, 17 UDP
    port     integer NOT NULL,
    name     text NOT NULL,                   -- what the port is for; '' when nobody agreed on it
    protocol text NOT NULL,                   -- what DPI saw; '' when it could not tell
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    PRIMARY KEY (asset_id, l4, port)
) WITH (fillfactor = 70);
CREATE INDEX asset_service_port ON asset_service (port);

-- The newest 200 of an asset are kept. A repeated record adds none twice.
CREATE TABLE asset_change (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset_id bigint NOT NULL REFERENCES asset (id) ON DELETE CASCADE,
    at       timestamptz NOT NULL,
    what     text NOT NULL,                   -- new, mac, name, service, online, offline
    before   text NOT NULL,
    after    text NOT NULL,
    UNIQUE (asset_id, at, what, after)
);
CREATE UNIQUE INDEX asset_change_new ON asset_change (asset_id) WHERE what = 'new';
