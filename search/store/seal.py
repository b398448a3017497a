"""The seal of a catalog: a small file beside it that says which bytes the catalog must have.

SQLite notices damage to the structure of its file, never a changed name, row number or checksum. So every commit ends
with `catalog.seal`: the generation of the catalog, and size and checksums of the database as that commit left it (its
logical image: the file with the write-ahead log applied). A commit takes these steps, each durable before the next:

1. The seal announces the generation that is about to be committed, and keeps vouching for the present one.
2. SQLite commits.
3. The seal vouches for the new generation.

What a reader finds, who reads the seal, then pins a snapshot, then compares their generations:

- the same: the image must have the sealed size and checksum, which is seen before any of it is parsed. Any changed
  byte is found: in the file, as long as the log is empty; in the log, whose own checksums make SQLite stop before the
  damage; in the seal, which has a checksum and only one spelling. CRC-32 finds every change within 32 neighbouring
  bits, and others but for one in 2^32; `twinlens check` compares BLAKE2b as well.
- the seal is newer: the catalog lost a commit, such as with a log that was cut or left behind when copying.
- the seal is older and announced this generation: a writer is between steps 2 and 3, or was killed there. No
  damage, and the one state in which nothing vouches for the bytes: SQLite's quick_check stands in until the next
  writer seals. A byte changed in place within a value is not found then.
- the seal is older and announced none so new: a generation that nobody committed, hence damage.
- there is no seal: damage, unless the catalog is older than seals are.

A folder put back as a whole to an earlier state, seal and all, is a backup restored and not found to be one.
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
"""Version of the catalog's schema from which on every catalog has a seal."""
_LONGEST = 4096
"""Bytes of a seal file; a longer one is none."""
BUILD_AGAIN = "Restore the index from a backup, or delete its folder and build it again"


class SealError(DamagedFileError):
    """The seal itself is damaged or missing, so that nothing says whether the catalog is whole."""


class OvertakenError(Exception):
    """A commit came between pinning the snapshot and reading its seal: take a newer snapshot."""


@dataclass(frozen=True, slots=True)
class Image:
    """Size and checksums of a database image."""

    bytes: int
    crc32: int
    blake2b: str = ""
    """160 bits as hex; empty where only the CRC was asked for."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What the seal's file says."""

    generation: int
    image: Image
    announced: int
    """Generation that may be found unsealed; that of the seal where no commit is under way."""


def read_seal(folder: Path) -> Seal | None:
    """Read the seal of an index folder; None where there is none.

    Raises:
        SealError: it is not what a writer wrote.
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
    """Write the seal aside, synced, and put it in place: there is never half of one."""
    write_file(folder / SEAL_NAME, _written(seal))


def _written(seal: Seal) -> bytes:
    content = asdict(seal)
    own = hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=20).hexdigest()
    return json.dumps({**content, "checksum": own}, sort_keys=True).encode() + b"\n"


def announce(folder: Path, generation: int) -> None:
    """Say that a commit is about to make this generation.

    Raises:
        OSError: the seal cannot be written; the commit must not happen then.
    """
    if (present := read_seal(folder)) is None:
        raise SealError(folder / SEAL_NAME, "missing")
    write_seal(folder, replace(present, announced=generation))


def put_seal(connection: sqlite3.Connection, raw: CatalogFile) -> None:
    """Vouch for the catalog as it is now. The caller is the one writer, outside of a transaction."""
    empty_log(connection)  # so that the file can be hashed as a stream
    connection.execute("BEGIN")
    try:
        generation = stored_generation(connection)
        seal = Seal(generation, image_of(connection, raw, thorough=True), generation)
    finally:
        connection.execute("ROLLBACK")
    write_seal(raw.file.parent, seal)


def empty_log(connection: sqlite3.Connection) -> tuple[int, int]:
    """Move the log into the file, as far as no reader is in the way: none is waited for.

    Returns:
        Pages that were in the log, and how many of them are in the file now; -1 where another connection is at it.
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
        thorough: whether BLAKE2b is compared too.

    Returns:
        Whether a seal vouches for the snapshot; otherwise SQLite found its structure sound.

    Raises:
        DamagedFileError: the catalog is damaged; SealError: its seal is, or is missing.
        IndexFolderError: there is no seal, and the catalog is of a newer Twinlens.
        OvertakenError: a newer snapshot must be taken.
    """
    folder = raw.file.parent
    try:
        image = image_of(connection, raw, thorough=thorough)
    except OSError as error:
        raise IndexFolderError(f"{raw.file}: cannot be read ({error}). Try again") from error
    if before is not None and _is_same(image, before.image):
        return True  # before anything of it was parsed; the generation is part of the image
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
        stray = f"damaged (it claims the change {generation}, its seal knows none after {seal.announced})"
        raise DamagedFileError(raw.file, stray, BUILD_AGAIN)
    _quick_check(connection, raw.file)
    return False


def _quick_check(connection: sqlite3.Connection, file: Path) -> None:
    if found := [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)") if row[0] != "ok"]:
        raise DamagedFileError(file, f"damaged ({'; '.join(found)})", BUILD_AGAIN)


def _difference(found: Image, sealed: Image) -> str:
    if found.bytes != sealed.bytes:
        return f"{found.bytes} bytes instead of {sealed.bytes}"
    return "not the bytes that its seal vouches for"


def _is_same(found: Image, sealed: Image) -> bool:
    return replace(found, blake2b=found.blake2b or sealed.blake2b) == sealed


def require_schema(connection: sqlite3.Connection, file: Path) -> None:
    """Refuse a catalog that holds other tables, or anything else, than those of its version.

    Raises:
        DamagedFileError: it does; IndexFolderError: it is of a newer Twinlens.
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

    Where the log is empty after the snapshot was pinned, the snapshot is the file as it stands, and its reader's lock
    keeps it so: the log can only be emptied while no reader needs it, and what is logged later is not moved into the
    file before this reader is gone. Otherwise SQLite puts the image together, in memory.

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
    """How many commits the catalog says it has had; 0 for one without any.

    Raises:
        ValueError, TypeError: what is stored is no whole number.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'settings'").fetchall():
        return 0
    rows = connection.execute("SELECT value FROM settings WHERE key = 'generation'").fetchall()
    return whole_number(json.loads(rows[0][0])) if rows else 0


def whole_number(value: object) -> int:
    """A generation as JSON holds it, as a number or, from the first ones, as text; raises as `stored_generation`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError(f"its number of changes is {value!r}")
    return value
