"""The tables of the state store and the steps from each version to the next."""

from __future__ import annotations

VERSION = 5

# Each step is run in the one transaction that takes a state from the version before to its own.
STEPS: dict[int, str] = {
    1: """
    CREATE TABLE target (id INTEGER PRIMARY KEY, flow TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (flow, name));
    CREATE TABLE trace (
        target INTEGER NOT NULL, key TEXT NOT NULL,
        run INTEGER NOT NULL, at REAL NOT NULL, seconds REAL NOT NULL,
        fingerprint BLOB NOT NULL, params TEXT NOT NULL, outputs TEXT NOT NULL, inputs BLOB NOT NULL,
        PRIMARY KEY (target, key)
    ) WITHOUT ROWID;
    CREATE TABLE failure (
        target INTEGER NOT NULL, key TEXT NOT NULL, run INTEGER NOT NULL, error TEXT NOT NULL, log TEXT,
        PRIMARY KEY (target, key)
    ) WITHOUT ROWID;
    CREATE TABLE file (
        path TEXT PRIMARY KEY,
        size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, inode INTEGER NOT NULL,
        digest BLOB NOT NULL, is_racy INTEGER NOT NULL, boot TEXT NOT NULL, hashed INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE listing (
        flow TEXT NOT NULL, root TEXT NOT NULL,
        digest BLOB NOT NULL, boot TEXT NOT NULL, files INTEGER NOT NULL, content BLOB NOT NULL,
        PRIMARY KEY (flow, root)
    );
    CREATE TABLE presence (
        dataset TEXT NOT NULL, flow TEXT NOT NULL, pattern TEXT NOT NULL, axes BLOB NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (flow, dataset)
    ) WITHOUT ROWID;
    CREATE TABLE axis (
        flow TEXT NOT NULL, dimension TEXT NOT NULL, vals TEXT NOT NULL, PRIMARY KEY (flow, dimension)
    );
    CREATE TABLE seal (
        target INTEGER PRIMARY KEY, basis BLOB NOT NULL, axes BLOB NOT NULL, fresh TEXT NOT NULL
    );
    CREATE TABLE answer (
        flow TEXT NOT NULL, request TEXT NOT NULL, basis BLOB NOT NULL, summary TEXT NOT NULL,
        PRIMARY KEY (flow, request)
    ) WITHOUT ROWID;
    CREATE TABLE memo (kind TEXT NOT NULL, subject BLOB NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, subject))
        WITHOUT ROWID;
    CREATE TABLE owner (path TEXT PRIMARY KEY, flow TEXT NOT NULL, target TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE run (
        id INTEGER PRIMARY KEY, flow TEXT NOT NULL, started REAL NOT NULL, command TEXT NOT NULL,
        seconds REAL, outcome TEXT, built INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE task (
        run INTEGER NOT NULL, number INTEGER NOT NULL, target INTEGER NOT NULL, key TEXT NOT NULL,
        status TEXT NOT NULL, changed INTEGER NOT NULL, seconds REAL NOT NULL, at REAL NOT NULL,
        reasons TEXT NOT NULL, error TEXT, log TEXT, PRIMARY KEY (run, number)
    ) WITHOUT ROWID;
    CREATE INDEX task_of_partition ON task (target, key, run);
    """,
    # A mark is a run of its own in the ledger, and has its number. `replaced` keeps what a mark took the place of.
    2: """
    ALTER TABLE failure ADD COLUMN at REAL NOT NULL DEFAULT 0;
    ALTER TABLE failure ADD COLUMN tail TEXT NOT NULL DEFAULT '';
    ALTER TABLE failure ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1;
    CREATE TABLE mark (
        run INTEGER PRIMARY KEY, target INTEGER NOT NULL, keys TEXT NOT NULL, word TEXT NOT NULL,
        why TEXT NOT NULL, who TEXT NOT NULL, at REAL NOT NULL, until REAL
    );
    CREATE TABLE replaced (
        mark INTEGER NOT NULL, key TEXT NOT NULL,
        run INTEGER, at REAL, seconds REAL, fingerprint BLOB, params TEXT, outputs TEXT, inputs BLOB,
        PRIMARY KEY (mark, key)
    ) WITHOUT ROWID;
    CREATE TABLE orphan (
        path TEXT PRIMARY KEY, target INTEGER NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL
    ) WITHOUT ROWID;
    """,
    # The names and dimensions that the traces of each target are written in, as one value; what happened to sources,
    # and when each was last seen to change.
    3: """
    ALTER TABLE failure ADD COLUMN identity BLOB NOT NULL DEFAULT x'';
    ALTER TABLE failure ADD COLUMN failures INTEGER NOT NULL DEFAULT 1;
    CREATE TABLE shape (flow TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
    ALTER TABLE presence ADD COLUMN looked REAL NOT NULL DEFAULT 0;
    CREATE TABLE arrival (
        id INTEGER PRIMARY KEY, flow TEXT NOT NULL, dataset TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL,
        at REAL NOT NULL, seen REAL NOT NULL, due REAL, run INTEGER NOT NULL
    );
    CREATE INDEX arrival_of_dataset ON arrival (flow, dataset, id);
    CREATE TABLE route (id INTEGER PRIMARY KEY, subject BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
    CREATE TABLE routing (
        id INTEGER PRIMARY KEY, flow TEXT NOT NULL, use BLOB NOT NULL, ends TEXT NOT NULL, is_whole INTEGER NOT NULL,
        UNIQUE (flow, use)
    );
    CREATE TABLE routed (
        routing INTEGER NOT NULL, key TEXT NOT NULL, file INTEGER NOT NULL, route INTEGER NOT NULL,
        PRIMARY KEY (routing, key, file)
    ) WITHOUT ROWID;
    """,
    # What each file gives to each partition, by key. Where rows go is found out again, and with it who is fresh.
    4: """
    CREATE INDEX arrival_of_partition ON arrival (flow, dataset, key, id);
    DROP TABLE routing;
    CREATE TABLE routing (
        id INTEGER PRIMARY KEY, flow TEXT NOT NULL, use BLOB NOT NULL, ends TEXT NOT NULL, tally TEXT NOT NULL,
        is_whole INTEGER NOT NULL, UNIQUE (flow, use)
    );
    DELETE FROM routed;
    CREATE TABLE share (
        routing INTEGER NOT NULL, route_key TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL,
        PRIMARY KEY (routing, route_key, key)
    ) WITHOUT ROWID;
    DELETE FROM seal;
    DELETE FROM answer;
    """,
    # What the fingerprints were made of that something was built under; and who stood behind a run: the author of the
    # commit that was built and whether its files had been edited (NULL: it isn't known).
    5: """
    CREATE TABLE recipe (
        id INTEGER PRIMARY KEY, target INTEGER NOT NULL, fingerprint BLOB NOT NULL, UNIQUE (target, fingerprint)
    );
    CREATE TABLE part (
        recipe INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, digest BLOB NOT NULL,
        value TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, lines INTEGER NOT NULL, content BLOB,
        PRIMARY KEY (recipe, number)
    ) WITHOUT ROWID;
    CREATE TABLE content (digest BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    ALTER TABLE run ADD COLUMN who TEXT NOT NULL DEFAULT '';
    ALTER TABLE run ADD COLUMN code TEXT NOT NULL DEFAULT '';
    ALTER TABLE run ADD COLUMN is_dirty INTEGER;
    ALTER TABLE run ADD COLUMN fresh INTEGER;
    ALTER TABLE run ADD COLUMN spared INTEGER;
    ALTER TABLE run ADD COLUMN saved REAL;
    ALTER TABLE task ADD COLUMN size INTEGER;
    ALTER TABLE task ADD COLUMN is_mended INTEGER NOT NULL DEFAULT 0;
    """,
}
