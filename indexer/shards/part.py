"""A part: the folder that holds one embedded shard, and what is known about it.

    part.json            the shard, the folder of pictures, the encoder, whether it is finished
    encoder/             the encoder, so that the parts alone become an index
    block-000000.parquet, block-000001.parquet, ...

A block is written aside and renamed, so that each is complete. A run that continues reads which files the blocks hold,
and writes the others into new blocks. There is no database, because parts lie on network file systems.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from indexer.exchange.plain_text import plain_text, read_plain_text
from indexer.pipeline.lock import HOLDER_NAME, LOCK_NAME
from indexer.pipeline.sweeping import delete_encoder
from indexer.shards.assignment import Shard
from search.errors import DataError
from search.files.writing import ASIDE_NAME, is_folder, is_regular, make_folder, write_file

if TYPE_CHECKING:
    from pathlib import Path

    from search.encoders.base import Encoder

NOTE_FILE = "part.json"
ENCODER_FOLDER = "encoder"
_BLOCK = re.compile(r"block-\d{6,}\.parquet", re.ASCII)
_VERSION = 1
_KINDS: dict[str, type | tuple[type, ...]] = {
    "root": str,
    "encoder": str,
    "fingerprint": str,
    "precision": str,
    "dim": int,
    "labels": (str, type(None)),
    "labelled_by": str,
    "exclude": (list, type(None)),
    "twinlens": str,
    "finished": bool,
    "files": int,
}


@dataclass(frozen=True, slots=True)
class PartNote:
    """What `part.json` says."""

    shard: Shard
    root: str
    """The folder of pictures, as an absolute path."""
    encoder: str
    fingerprint: str
    precision: str
    dim: int
    labels: str | None
    """As given: `folder`, `none`, the absolute path of a CSV, or None."""
    labelled_by: str
    """How an index remembers the source of the labels: see `indexer.pipeline.labelling`."""
    exclude: tuple[str, ...] | None
    twinlens: str
    """The version that wrote the part."""
    finished: bool = False
    files: int = 0
    """Number of files in the finished part, readable or not."""

    def write(self, folder: Path) -> None:
        """Replace the note of a part."""
        content = asdict(self) | {"version": _VERSION, "shard": str(self.shard), "root": plain_text(self.root)}
        write_file(folder / NOTE_FILE, json.dumps(content, indent=2) + "\n")

    def difference(self, other: PartNote) -> str | None:
        """The first property in which two parts cannot belong to one index, in words; None if they can."""
        pairs = {
            "the encoder": (f"{self.encoder} ({self.fingerprint})", f"{other.encoder} ({other.fingerprint})"),
            "the precision": (self.precision, other.precision),
            "the folder of pictures": (self.root, other.root),
            "the number of shards": (self.shard.count, other.shard.count),
            "the source of labels": (self.labels, other.labels),
            "the excluded patterns": (self.exclude, other.exclude),
        }
        for name, (own, theirs) in pairs.items():
            if own != theirs:
                return f"{name} is {_shown(own)} here, and {_shown(theirs)} there"
        return None


def read_note(folder: Path) -> PartNote:
    """Read the note of a part.

    Raises:
        DataError: there is none, or it is damaged.
    """
    file = folder / NOTE_FILE
    try:
        content: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if content.pop("version") != _VERSION:
            raise DataError(f"{folder}: was written by another version of Twinlens ({content.get('twinlens')!r:.50})")
        wrong = [name for name, kind in _KINDS.items() if not isinstance(content[name], kind)]
        if wrong:
            raise ValueError(f"{wrong[0]} is {content[wrong[0]]!r:.50}")
        exclude = content["exclude"]
        return PartNote(
            **{
                **content,
                "shard": Shard.read(content["shard"]),
                "root": read_plain_text(content["root"]),
                "exclude": None if exclude is None else tuple(map(str, exclude)),
            }
        )
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read ({error}). Name a folder that twinlens embed wrote") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"{file}: is damaged ({error}). Embed into a new folder") from error


def is_part(folder: Path) -> bool:
    """Whether a folder is a part, finished or not."""
    return is_folder(folder) and is_regular(folder / NOTE_FILE)


def open_part(folder: Path, note: PartNote, encoder: Encoder) -> PartNote:
    """Begin a part, or continue one; the caller holds the lock of the folder.

    Returns:
        The note in the folder: that of the earlier run, if there was one.

    Raises:
        DataError: the folder holds other files, or another shard, encoder or folder of pictures.
    """
    if is_part(folder):
        before = read_note(folder)
        difference = before.difference(note)
        if difference is None and before.shard != note.shard:
            difference = f"the shard is {before.shard} here, and {note.shard} there"
        if difference is not None:
            raise DataError(f"{folder}: holds another part: {difference}. Embed into a folder of its own")
        return before
    others = sorted(each.name for each in folder.iterdir() if not _is_begun(each))
    if others:
        raise DataError(f"{folder}: holds other files ({others[0]}). Name a new folder for the part")
    begun = folder / ENCODER_FOLDER
    if begun.exists() and not delete_encoder(begun):
        raise DataError(f"{begun}: holds other files than an encoder. Name a new folder for the part")
    make_folder(begun)
    encoder.save(begun)
    note.write(folder)
    return note


def blocks_of(folder: Path) -> list[Path]:
    """The blocks of a part, in the order in which they were written."""
    return sorted(
        (each for each in folder.iterdir() if _BLOCK.fullmatch(each.name) and is_regular(each)),
        key=lambda each: int(each.stem.removeprefix("block-")),
    )


def next_block(folder: Path) -> int:
    """The number of the block to write next."""
    blocks = blocks_of(folder)
    return int(blocks[-1].stem.removeprefix("block-")) + 1 if blocks else 0


def block_file(folder: Path, number: int) -> Path:
    """The file of a block."""
    return folder / f"block-{number:06}.parquet"


def finish_part(folder: Path, note: PartNote, files: int) -> None:
    """Mark a part as finished, and delete what killed runs left aside."""
    for each in folder.iterdir():
        if ASIDE_NAME.fullmatch(each.name) and is_regular(each):
            each.unlink()
    replace(note, finished=True, files=files).write(folder)


def _is_begun(file: Path) -> bool:
    """Whether this is a file that a run makes before the note."""
    return file.name in (LOCK_NAME, HOLDER_NAME, ENCODER_FOLDER) or ASIDE_NAME.fullmatch(file.name) is not None


def _shown(value: object) -> object:
    return "not given" if value is None else value
