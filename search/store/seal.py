"""The seal of a catalog: a small file beside it with the size and checksums of the catalog.

SQLite detects damage to the structure of its file, but not a changed name, row number or checksum. So each commit
writes `catalog.seal`: the generation of the catalog, and size and checksums of the database after that commit (its
logical image: the file with the write-ahead log applied). A commit has these steps, each durable before the next:

1. The seal announces the next generation, and keeps the checksums of the present one.
2. SQLite commits.
3. The seal gets the checksums of the new generation.

A reader reads the seal, pins a snapshot, and compares their generations:

- They are equal: the image must have the sealed size and checksum, which is checked before it is parsed. Any changed
  byte is detected: in the file, if the log is empty; in the log, because SQLite verifies the log's own checksums and
  stops before the damage; in the seal, which has a checksum and only one valid spelling. CRC-32 detects every change
  within 32 neighbouring bits, and misses one in 2^32 of all other changes; `twinlens check` also compares BLAKE2b.
- The seal is newer: the catalog lost a commit, as when its log was cut, or was not copied along.
- The seal is older and announced this generation: a writer is between steps 2 and 3, or was killed there. This is not
  damage, and the only state without checksums: SQLite's quick_check replaces them until the next writer seals. A byte
  changed in place within a value is then not detected.
- The seal is older and announced an earlier generation: no writer committed this one, so it is damage.
- There is no seal: damage, unless the version of the catalog is older than seals.

If a folder is restored to an earlier state together with its seal, as from a backup, this is not detected.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from search.errors import DamagedFileError, IndexFolderError
from search.files.reading import open_regular
from search.files.writing import write_file
from search.store.migrations import checked_version
from search.store.schema import schema_problem

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from search.store.file import CatalogFile

SEAL_NAME = "catalog.seal"
FIRST_SEALED = 6
"""First version of the catalog that has a seal."""
_LONGEST = 4096
"""Most bytes of a seal file; a longer file is not a seal."""
BUILD_AGAIN = "Restore the index from a backup, or delete its folder and build it again"


class SealError(DamagedFileError):
    """The seal itself is damaged or missing, so that the catalog cannot be verified."""


class OvertakenError(Exception):
    """A commit came between pinning the snapshot and reading its seal: take a newer snapshot."""


@dataclass(frozen=True, slots=True)
class Image:
    """Size and checksums of a database image."""

    bytes: int
    crc32: int
    blake2b: str = ""
    """160 bits as hex; empty if only the CRC was computed."""


@dataclass(frozen=True, slots=True)
class Seal:
    """The content of a seal file."""

    generation: int
    image: Image
    announced: int
    """Generation that may be committed and not sealed yet; that of the seal if no commit is in progress."""


def read_seal(folder: Path) -> Seal | None:
    """Read the seal of an index folder; None if there is none.

    Raises:
        SealError: it is damaged, or cannot be read.
    """
    file = folder / SEAL_NAME
    try:
        with open_regular(file) as stream:
            data = stream.read(_LONGEST)
    except FileNotFoundError:
        return None
    except DamagedFileError as error:
        raise SealError(file, error.problem) from None
    except OSError as error:
        raise SealError(file, f"cannot be read ({error.strerror})") from error
    try:
        stored = json.loads(data)
        seal = Seal(stored["generation"], Image(**stored["image"]), stored["announced"])
        for number in (seal.generation, seal.announced, seal.image.bytes, seal.image.crc32):
            whole_number(number)
        if not isinstance(seal.image.blake2b, str):
            raise TypeError(seal.image.blake2b)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise SealError(file, "damaged (cannot be read)") from None
    if data != _written(seal):
        raise SealError(file, "damaged (wrong checksum)")
    return seal


def write_seal(folder: Path, seal: Seal) -> None:
    """Write the seal to a synced temporary file and rename it, so that a partly written seal never exists."""
    write_file(folder / SEAL_NAME, _written(seal))


def _written(seal: Seal) -> bytes:
    content = asdict(seal)
    own = hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=20).hexdigest()
    return json.dumps({**content, "checksum": own}, sort_keys=True).encode() + b"\n"


def announce(folder: Path, generation: int) -> None:
    """Announce in the seal that a commit is about to make this generation.

    Raises:
        OSError: the seal cannot be written; the caller must not commit.
        SealError: the seal is damaged or missing.
    """
    if (present := read_seal(folder)) is None:
        raise SealError(folder / SEAL_NAME, "missing")
    write_seal(folder, replace(present, announced=generation))


def put_seal(connection: sqlite3.Connection, raw: CatalogFile) -> None:
    """Seal the catalog as it is. The caller holds the writer's lock and is not in a transaction."""
    empty_log(connection)  # so that the file can be hashed as a stream
    connection.execute("BEGIN")
    try:
        generation = stored_generation(connection)
        seal = Seal(generation, image_of(connection, raw, thorough=True), generation)
    finally:
        connection.execute("ROLLBACK")
    write_seal(raw.file.parent, seal)


def empty_log(connection: sqlite3.Connection) -> tuple[int, int]:
    """Move the log into the file as far as readers allow, without waiting for them.

    Returns:
        The number of pages in the log, and how many of them were moved; -1 if another connection is moving them.
    """
    ((waits,),) = connection.execute("PRAGMA busy_timeout").fetchall()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        ((_, logged, moved),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(waits)}")
    return logged, moved


def verify_snapshot(
    connection: sqlite3.Connection, raw: CatalogFile, before: Seal | None, *, thorough: bool = False
) -> bool:
    """Compare a pinned snapshot with the seal.

    Args:
        connection: within a read transaction.
        raw: the catalog's file.
        before: the seal as it was before the snapshot was pinned.
        thorough: compare BLAKE2b too.

    Returns:
        True if the snapshot matches its seal; False if it is not sealed yet, and SQLite found no damage.

    Raises:
        DamagedFileError: the catalog is damaged.
        SealError: the seal is damaged or missing.
        IndexFolderError: there is no seal, and the catalog was made by a newer Twinlens.
        OvertakenError: the caller must pin a newer snapshot.
    """
    folder = raw.file.parent
    try:
        image = image_of(connection, raw, thorough=thorough)
    except OSError as error:
        raise IndexFolderError(f"{raw.file}: cannot be read ({error}). Try again") from error
    if before is not None and _is_same(image, before.image):
        return True  # nothing was parsed yet; the generation is part of the image
    generation = _read_generation(connection, raw.file)
    if before is not None and generation < before.generation:
        lost = f"has lost its last change (it is at {generation}, its seal at {before.generation})"
        raise DamagedFileError(raw.file, lost, BUILD_AGAIN)
    seal = read_seal(folder)
    if seal is None and checked_version(connection) >= FIRST_SEALED:
        raise SealError(folder / SEAL_NAME, "missing")
    if seal is not None and seal.generation > generation:
        raise OvertakenError
    if seal is not None and seal.generation == generation:
        if not _is_same(image, seal.image):
            raise DamagedFileError(raw.file, f"damaged ({_difference(image, seal.image)})", BUILD_AGAIN)
        return True
    if seal is not None and seal.announced < generation:
        unannounced = f"damaged (it is at change {generation}, its seal knows none after {seal.announced})"
        raise DamagedFileError(raw.file, unannounced, BUILD_AGAIN)
    _quick_check(connection, raw.file)
    return False


def _quick_check(connection: sqlite3.Connection, file: Path) -> None:
    if errors := [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)") if row[0] != "ok"]:
        raise DamagedFileError(file, f"damaged ({'; '.join(errors)})", BUILD_AGAIN)


def _difference(image: Image, sealed: Image) -> str:
    if image.bytes != sealed.bytes:
        return f"{image.bytes} bytes instead of {sealed.bytes}"
    return "its checksum is not that of its seal"


def _is_same(image: Image, sealed: Image) -> bool:
    return replace(image, blake2b=image.blake2b or sealed.blake2b) == sealed


def require_schema(connection: sqlite3.Connection, file: Path) -> None:
    """Refuse a catalog whose schema is not that of its version.

    Raises:
        DamagedFileError: it has other tables, or entries of another sort.
        IndexFolderError: it was made by a newer Twinlens.
    """
    if problem := schema_problem(connection):
        raise DamagedFileError(file, problem, BUILD_AGAIN)


def _read_generation(connection: sqlite3.Connection, file: Path) -> int:
    require_schema(connection, file)
    try:
        return stored_generation(connection)
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedFileError(file, f"damaged ({error})", BUILD_AGAIN) from None


def image_of(connection: sqlite3.Connection, raw: CatalogFile, *, thorough: bool) -> Image:
    """Size and checksums of the pinned snapshot.

    If the log is empty after the snapshot was pinned, the snapshot is the file itself. The reader's lock keeps it so:
    the log is only emptied while no reader needs it, and later pages are not moved into the file before this reader
    closes. Otherwise SQLite serializes the snapshot in memory.

    Raises:
        OSError: the file cannot be read.
    """
    log = raw.file.with_name(f"{raw.file.name}-wal")
    blocks = [connection.serialize()] if log.exists() and log.stat().st_size > 0 else raw.blocks()
    size, crc, digest = 0, 0, hashlib.blake2b(digest_size=20)
    for block in blocks:
        size, crc = size + len(block), zlib.crc32(block, crc)
        if thorough:
            digest.update(block)
    return Image(size, crc, digest.hexdigest() if thorough else "")


def stored_generation(connection: sqlite3.Connection) -> int:
    """The generation that the catalog stores; 0 if it has none.

    Raises:
        ValueError, TypeError: the stored value is not a whole number.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'settings'").fetchall():
        return 0
    rows = connection.execute("SELECT value FROM settings WHERE key = 'generation'").fetchall()
    return whole_number(json.loads(rows[0][0])) if rows else 0


def whole_number(value: object) -> int:
    """Check a number of a seal or a generation; raises ValueError unless it is a whole number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError(f"its number of changes is {value!r}")
    return value
