-- Times are whole microseconds since 1970 (UTC).

CREATE TABLE call (
    id           TEXT PRIMARY KEY,
    carrier      TEXT NOT NULL,
    direction    TEXT NOT NULL,
    mode         TEXT NOT NULL,
    pipeline     TEXT NOT NULL,
    number       TEXT NOT NULL,
    own_number   TEXT NOT NULL,
    created_us   INTEGER NOT NULL,
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    detail       TEXT NOT NULL,
    carrier_ref  TEXT NOT NULL,
    message      TEXT NOT NULL,
    answered_us  INTEGER,
    ended_us     INTEGER,
    soft_limit_s INTEGER NOT NULL,
    hard_limit_s INTEGER NOT NULL,
    approval_id  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX call_by_ref ON call (carrier, carrier_ref) WHERE carrier_ref <> '';
CREATE INDEX call_live ON call (state) WHERE state <> 'ended';

CREATE TABLE line (
    id      INTEGER PRIMARY KEY,
    call_id TEXT NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    role    TEXT NOT NULL,
    text    TEXT NOT NULL,
    heard   TEXT NOT NULL,
    at_us   INTEGER NOT NULL,
    UNIQUE (call_id, seq)
) STRICT;

CREATE VIRTUAL TABLE line_words USING fts5 (
    text, content = 'line', content_rowid = 'id', prefix = '2 3',
    tokenize = 'unicode61 remove_diacritics 2'
);
-- Without this the index keeps deleted words until it merges its segments.
INSERT INTO line_words (line_words, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER line_added AFTER INSERT ON line BEGIN
    INSERT INTO line_words (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER line_removed AFTER DELETE ON line BEGIN
    INSERT INTO line_words (line_words, rowid, text) VALUES ('delete', old.id, old.text);
END;

-- What was dialled, apart from the calls: forgetting a call does not give its share of the day back.
CREATE TABLE dialled (
    call_id       TEXT PRIMARY KEY,
    number_sha256 TEXT NOT NULL,
    at_us         INTEGER NOT NULL,
    seconds       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dialled_at ON dialled (at_us);

-- `run` tells this start of the app from earlier ones, whose unfinished work is void.
CREATE TABLE webhook (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    carrier      TEXT NOT NULL,
    key          TEXT NOT NULL,
    call_id      TEXT NOT NULL,
    seen_us      INTEGER NOT NULL,
    run          TEXT NOT NULL,
    status       INTEGER,
    content_type TEXT,
    body         BLOB,
    UNIQUE (carrier, key)
) STRICT;
CREATE INDEX webhook_by_call ON webhook (call_id);

CREATE TABLE approval (
    id         TEXT PRIMARY KEY,
    sha256     TEXT NOT NULL,
    state      TEXT NOT NULL,
    run        TEXT NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE paired (
    number TEXT PRIMARY KEY,
    label  TEXT NOT NULL,
    at_us  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pairing_try (
    id     INTEGER PRIMARY KEY,
    number TEXT NOT NULL,
    at_us  INTEGER NOT NULL
) STRICT;
CREATE INDEX pairing_try_at ON pairing_try (at_us);

CREATE TABLE audit (
    id     INTEGER PRIMARY KEY,
    at_us  INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN
    SELECT raise(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_undeleted BEFORE DELETE ON audit BEGIN
    SELECT raise(ABORT, 'the audit is append-only');
END;
