-- People and their sessions. Passwords are argon2id texts; of a session only the SHA-256 of its
-- id is kept.

CREATE TABLE account (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    password      text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz,
    disabled_at   timestamptz                 -- from then on nobody signs in by it
);

CREATE TABLE session (
    hash       text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    address    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_used ON session (used_at);
