"""Migrations of the catalog's schema. To change the schema, append a step; never edit a released one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.errors import IndexFolderError

if TYPE_CHECKING:
    import sqlite3

M001_INITIAL = """
CREATE TABLE settings (          -- one JSON value a key: encoder, dim, kind, recall, created, updated
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE files (             -- every file that the index consists of, beside this one
    name TEXT PRIMARY KEY,       -- relative to the index folder, with forward slashes
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL
);
CREATE TABLE segments (          -- immutable blocks of vectors
    id INTEGER PRIMARY KEY,
    vectors TEXT NOT NULL REFERENCES files (name),
    structure TEXT REFERENCES files (name),   -- NULL for a kind that needs none (flat)
    rows INTEGER NOT NULL,
    kind TEXT NOT NULL,
    parameters TEXT NOT NULL,    -- JSON
    recall REAL,                 -- recall@10 measured when it was built; NULL for an exact kind
    created TEXT NOT NULL
);
CREATE TABLE pictures (          -- one row of one segment each
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,   -- absolute
    content TEXT NOT NULL,       -- hash of the file's bytes
    bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    label TEXT,
    segment INTEGER NOT NULL REFERENCES segments (id),
    row INTEGER NOT NULL,
    UNIQUE (segment, row)
);
CREATE INDEX pictures_by_content ON pictures (content);
CREATE INDEX pictures_by_label ON pictures (label);
CREATE TABLE tombstones (        -- rows of segments that no picture has any more
    segment INTEGER NOT NULL REFERENCES segments (id),
    row INTEGER NOT NULL,
    content TEXT NOT NULL,       -- what the row shows: if it comes back, it need not be embedded again
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    PRIMARY KEY (segment, row)
) WITHOUT ROWID;
CREATE TABLE skipped (           -- files that look like pictures and could not be read
    path TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    reason TEXT NOT NULL
);
"""

M002_IDENTITIES = """
CREATE TABLE identities (        -- who or what can be recognised
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created TEXT NOT NULL
);
CREATE TABLE templates (         -- the reference pictures of each, embedded with the encoder of the index
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    identity INTEGER NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    content TEXT NOT NULL,       -- hash of the file's bytes
    path TEXT NOT NULL,          -- where the picture was; it need not stay there
    vector BLOB NOT NULL,        -- float32, little-endian, unit length
    quality TEXT NOT NULL,       -- JSON: what was measured of the picture
    created TEXT NOT NULL,
    UNIQUE (identity, content)
);
"""

M003_NOTHING = ""
"""A removed step; its number stays, because existing catalogs count it in their version."""

M004_METADATA = """
CREATE TABLE columns (           -- metadata: what was told of pictures, or read from their EXIF
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- n: the values are those of the column cn of the table metadata
    name TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL           -- text, integer, real, boolean, date or datetime
);
CREATE TABLE metadata (          -- a row a picture; c3 and all later columns are added with their row of columns
    picture INTEGER PRIMARY KEY REFERENCES pictures (id) ON DELETE CASCADE,
    c1,                          -- no declared types: SQLite keeps each value as it was checked and given
    c2
);
INSERT INTO columns VALUES (1, 'taken', 'datetime'), (2, 'camera', 'text');
"""

M005_TOMBSTONES_BY_CONTENT = """
CREATE INDEX tombstones_by_content ON tombstones (content);
"""

M006_DIGESTS = """
CREATE TABLE digests (           -- checksums of a file of vectors, by blocks of whole rows
    file TEXT PRIMARY KEY REFERENCES files (name) ON DELETE CASCADE,
    block_rows INTEGER NOT NULL, -- rows of a block; the last one may have fewer
    crc32 BLOB NOT NULL          -- uint32, little-endian, one a block
);
"""

M007_RETAINED = """
ALTER TABLE pictures ADD COLUMN ctime_ns INTEGER;   -- with inode: NULL where a Twinlens read the file that kept neither
ALTER TABLE pictures ADD COLUMN inode INTEGER;
CREATE TABLE retained (          -- what removed pictures had: it comes back with their content
    content TEXT NOT NULL,       -- hash of the file's bytes
    path TEXT NOT NULL,          -- where the picture was
    label TEXT,                  -- NULL too where it was the name of the folder
    metadata TEXT NOT NULL,      -- JSON: id of a row of columns -> value
    removed TEXT NOT NULL,       -- ISO 8601, UTC
    broken INTEGER NOT NULL,     -- 1 where the file stayed and could not be read: its next content gets all this
    PRIMARY KEY (content, path)
) WITHOUT ROWID;
CREATE INDEX retained_by_path ON retained (path);
CREATE TABLE retained_templates (   -- reference pictures that a change of the encoder could not read
    content TEXT NOT NULL,
    identity TEXT NOT NULL,      -- its name
    path TEXT NOT NULL,
    quality TEXT NOT NULL,       -- as of templates
    created TEXT NOT NULL,
    removed TEXT NOT NULL,
    PRIMARY KEY (content, identity)
) WITHOUT ROWID;
"""

M008_TUNING = """
ALTER TABLE segments ADD COLUMN tuning TEXT;    -- JSON: how the structure was tuned; NULL in an older segment
"""

MIGRATIONS = (
    M001_INITIAL,
    M002_IDENTITIES,
    M003_NOTHING,
    M004_METADATA,
    M005_TOMBSTONES_BY_CONTENT,
    M006_DIGESTS,
    M007_RETAINED,
    M008_TUNING,
)
"""Step n upgrades a catalog from version n (`PRAGMA user_version`) to version n + 1."""

APPLICATION_ID = 0x54774C6E
"""Marks the header of a catalog: "TwLn". Catalogs of older versions lack it, until a writer adds it."""

OLDEST_READABLE = 1
"""Oldest version that a reader opens; tables that came later are then empty. A writer upgrades the catalog."""


_NEXT_GENERATION = """
INSERT INTO settings VALUES ('generation', '1')
ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT);
"""


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Upgrade a catalog to the newest version and mark it, in one transaction, which is a new generation."""
    steps = "".join(MIGRATIONS[version:])
    marks = f"PRAGMA user_version = {len(MIGRATIONS)}; PRAGMA application_id = {APPLICATION_ID};"
    script = f"BEGIN IMMEDIATE; {steps} {_NEXT_GENERATION} {marks} COMMIT;"
    connection.executescript(script)


def is_newest(connection: sqlite3.Connection) -> bool:
    """Whether a catalog needs no migration: it has the newest schema and the application id."""
    ((application,),) = connection.execute("PRAGMA application_id").fetchall()
    return checked_version(connection) == len(MIGRATIONS) and application == APPLICATION_ID


def checked_version(connection: sqlite3.Connection) -> int:
    """Version of a catalog's schema, 0 for an empty file; raises IndexFolderError if a newer Twinlens made it."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise IndexFolderError(
            f"the index has format {version}, this Twinlens reads up to {len(MIGRATIONS)}: upgrade Twinlens"
        )
    return version
