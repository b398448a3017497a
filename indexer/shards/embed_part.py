"""Embed one shard of a collection into a part, which `import_parts` merges with the others into an index."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.exchange.manifest import Manifest
from indexer.exchange.parquet_blocks import EXIF, BlockRow, read_block, write_block
from indexer.labels import FOLDER, NONE, by_folder
from indexer.pipeline.embed import embed_files
from indexer.pipeline.excludes import Excludes
from indexer.pipeline.labelling import BY_PATH, named_table
from indexer.pipeline.listing import Source, list_pictures
from indexer.pipeline.lock import LOCK_NAME, writer_lock
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.survey import is_same
from indexer.shards.config import EmbedConfig
from indexer.shards.part import PartNote, block_file, blocks_of, finish_part, next_block, open_part
from search import __version__
from search.config import MOST_AT_ONCE, MOST_WORKERS, BuildConfig
from search.counts import check_count
from search.encoders import load_encoder
from search.errors import DataError
from search.files.disk_errors import disk_errors_named
from search.files.writing import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from indexer.pipeline.progress import Progress
    from indexer.pipeline.scan import FoundFile
    from indexer.pipeline.staging import ReadResult
    from search.encoders.base import Encoder
    from search.types import Floats

_MOST_IN_BLOCK = 1_000_000


@dataclass(slots=True)
class PartReport:
    """Result of embedding a shard."""

    out: Path
    shard: str
    files: int
    """Files of the shard, in this run and earlier ones."""
    embedded: int = 0
    """Pictures embedded by this run."""
    already: int = 0
    """Files that earlier runs had finished."""
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    """Files and folders that could not be read, with the reason."""
    encoder: str = ""
    seconds: dict[str, float] = field(default_factory=dict)


def embed_part(
    pictures: str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: EmbedConfig | None = None,
    *,
    progress: Progress | None = None,
) -> PartReport:
    """Embed one shard of a folder of pictures into a part.

    A run that was killed is continued by running it again: files in finished blocks are not read again, unless they
    changed. Nothing is embedded twice within a part. Copies of one file in different shards are embedded in each.

    Args:
        pictures: the folder.
        out: the folder of the part: a new or empty one, or that of an earlier run.
        config: the shard, the encoder and the labels; see `EmbedConfig`.
        progress: callback for progress updates.

    Raises:
        DataError: there are no pictures, or `out` holds other files or another part.
        EncoderError: the encoder is unknown.
        IndexLockedError: another process is writing this part.
        DiskError: the disk failed, is full, or refused.
    """
    config = config or EmbedConfig()
    check_count("batch_size", config.batch_size, most=MOST_AT_ONCE)
    check_count("workers", config.workers, most=MOST_WORKERS)
    check_count("block_files", config.block_files, most=_MOST_IN_BLOCK)
    stages, folder = Stages(progress or Silent()), Path(out).absolute()
    found = _Found.scan(Path(pictures), folder, config, stages)
    with stages.stage("load encoder"):
        name = config.encoder or BuildConfig.default_encoder
        encoder = load_encoder(name, device=config.device, precision=config.precision)
    with disk_errors_named(folder):
        make_folder(folder)
        with writer_lock(folder):
            note = open_part(folder, found.note(config, encoder), encoder)
            report = _embed(found, folder, note, encoder, config, stages)
        (folder / LOCK_NAME).unlink(missing_ok=True)
    report.skipped += found.unreadable
    return report


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of one shard, and how they are labelled."""

    root: Path
    files: list[FoundFile]
    label: Callable[[Path], str | None]
    labelled_by: str
    unreadable: list[tuple[Path, str]]

    @classmethod
    def scan(cls, pictures: Path, out: Path, config: EmbedConfig, stages: Stages) -> _Found:
        unreadable: list[tuple[Path, str]] = []
        source = Source.of(pictures)
        root = Path(os.path.normpath(pictures.absolute())) if source is None else source.root
        with stages.stage("scan"):
            files = list_pictures(
                root,
                source,
                leave_out=out,
                excludes=Excludes(root, config.exclude or ()),
                unreadable=lambda path, error: unreadable.append((path, f"cannot be read ({error.strerror})")),
            )
        if not files:
            raise DataError(f"{pictures}: no pictures below this folder. Check it, and the patterns of --exclude")
        top = root.parent if source is None and root.is_file() else root
        table = named_table(config.labels, [top], {file.path for file in files})
        own = [file for file in files if config.shard.takes(relative(file.path, root))]
        if table is not None:
            return cls(root, own, table.labels.get, str(table.file.absolute()), unreadable)
        if config.labels == NONE:
            return cls(root, own, lambda path: None, NONE, unreadable)
        if source is not None and source.tars and config.labels is None:
            return cls(root, own, source.label, NONE, unreadable)
        return cls(root, own, lambda path: by_folder(path, root), BY_PATH, unreadable)

    def note(self, config: EmbedConfig, encoder: Encoder) -> PartNote:
        return PartNote(
            shard=config.shard,
            root=str(self.root),
            encoder=encoder.name,
            fingerprint=encoder.fingerprint,
            precision=encoder.precision,
            dim=encoder.dim,
            labels=config.labels if config.labels in (None, FOLDER, NONE) else self.labelled_by,
            labelled_by=self.labelled_by,
            exclude=config.exclude,
            twinlens=__version__,
        )


def relative(path: Path, root: Path) -> str:
    """The path of a file from the folder of pictures on; `.` if the file itself was named."""
    return str(path.relative_to(root))


def _embed(
    found: _Found, folder: Path, note: PartNote, encoder: Encoder, config: EmbedConfig, stages: Stages
) -> PartReport:
    report = PartReport(folder, str(note.shard), len(found.files), encoder=encoder.name, seconds=stages.seconds)
    sink = _Blocks(folder, note, found, config.block_files)
    with stages.stage("read blocks"):
        done = sink.read_earlier()
    todo = [file for file in found.files if not _is_done(done.get(file.path), file)]
    report.already = len(found.files) - len(todo)
    if todo and note.finished:
        replace(note, finished=False).write(folder)  # its folder changed since
    with stages.stage("embed", len(todo)):
        report.embedded = embed_files(
            todo, encoder, sink, sink, batch_size=config.batch_size, workers=config.workers, stages=stages
        )
        sink.flush()
    if todo or not note.finished:
        finish_part(folder, note, len(found.files))
    results = done | sink.results
    report.skipped = [(file.path, reason) for file in found.files if (reason := results[file.path].reason) is not None]
    return report


def _is_done(result: ReadResult | None, file: FoundFile) -> bool:
    """Whether an earlier run read a file in its present state; one that could not be read for now is tried again."""
    return result is not None and not result.passing and is_same(result, file)


class _Blocks:
    """Collects rows and writes them as blocks; knows the contents that have a vector in the part."""

    def __init__(self, folder: Path, note: PartNote, found: _Found, size: int) -> None:
        self._folder, self._note, self._found, self._size = folder, note, found, size
        self._number = next_block(folder)
        self._rows: list[BlockRow] = []
        self._pixels: dict[str, tuple[int, int]] = {}
        """Content -> width and height, which a copy is not decoded for."""
        self.results: dict[Path, ReadResult] = {}

    def __contains__(self, content: str) -> bool:
        return content in self._pixels

    def read_earlier(self) -> dict[Path, ReadResult]:
        """The results in the blocks of earlier runs; the last one of each file counts."""
        results: dict[Path, ReadResult] = {}
        for file in blocks_of(self._folder):
            for rows in read_block(file, self._found.root, self._note.fingerprint, vectors=False):
                for result in (row.result for row in rows):
                    results[result.path] = result
                    if result.reason is None:
                        self._pixels[result.content] = result.width, result.height
        return results

    def add(self, files: Sequence[ReadResult], vectors: Iterable[tuple[ReadResult, Floats]]) -> None:
        """Take a batch; write a block when there are enough files."""
        embedded = {result.content: (result.path, vector) for result, vector in vectors}
        for result in files:
            if result.reason is None and not result.width:
                width, height = self._pixels[result.content]
                result = replace(result, width=width, height=height)
            path, vector = embedded.get(result.content, (None, None))
            own = relative(result.path, self._found.root)
            label = self._found.label(result.path)
            self._rows.append(BlockRow(own, result, label, vector if path == result.path else None))
            self.results[result.path] = result
            if result.reason is None:
                self._pixels[result.content] = result.width, result.height
        if len(self._rows) >= self._size:
            self.flush()

    def flush(self) -> None:
        """Write the collected rows as a block."""
        if not self._rows:
            return
        note = self._note
        manifest = Manifest("block", note.encoder, note.fingerprint, note.dim, len(self._rows), 0, note.twinlens, EXIF)
        write_block(block_file(self._folder, self._number), manifest, self._rows)
        self._number += 1
        self._rows.clear()
