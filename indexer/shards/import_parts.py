"""Merge parts into one index: what the shards embedded is staged, then compared and committed like a local build."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.collection.build import first_encoder
from indexer.collection.update import Update, check_device
from indexer.exchange.origin import Origin, refuse_another
from indexer.exchange.parquet_blocks import read_block
from indexer.pipeline.index_encoder import choose_encoder, own_precision
from indexer.pipeline.index_place import check_place
from indexer.pipeline.labelling import Labelling, remembered_sources
from indexer.pipeline.library import known_roots
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.scan import FoundFile
from indexer.pipeline.staging import Staging
from indexer.pipeline.survey import survey_files
from indexer.pipeline.writer import open_writer
from indexer.shards.config import PartsConfig
from indexer.shards.part import ENCODER_FOLDER, PartNote, blocks_of, read_note
from search.config import BuildConfig
from search.errors import DataError, EncoderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexer.exchange.parquet_blocks import BlockRow
    from indexer.pipeline.change_report import ChangeReport
    from indexer.pipeline.progress import Progress
    from indexer.pipeline.staging import ReadResult
    from indexer.pipeline.survey import Survey
    from search.encoders.base import Encoder
    from search.store.catalog import Catalog

_NAMED = 20
"""Most missing shards that a message lists."""


def import_parts(
    parts: Sequence[str | os.PathLike[str]],
    index: str | os.PathLike[str],
    config: PartsConfig | None = None,
    *,
    progress: Progress | None = None,
) -> ChangeReport:
    """Merge parts that `embed_part` wrote into an index, which then equals that of one local build.

    Ids follow the paths; vectors, labels, EXIF and content hashes are those of the parts. A later sync of the folder
    embeds nothing. Pictures that the index has already, with the same content, stay as they are: importing twice
    changes nothing. No picture is removed. One commit makes everything visible.

    Args:
        parts: folders of parts of one collection, in any order.
        index: the index folder.
        config: settings; defaults to `PartsConfig()`.
        progress: callback for progress updates.

    Raises:
        DataError: a part is damaged, unfinished, given twice, or does not belong with the others; or shards are missing
            and `config.partial` is false.
        EncoderError: the index has another encoder, or computes it in another precision.
        IndexFolderError: the index folder cannot be made, or holds other files and no index.
        IndexLockedError: another process is writing this index.
        DiskError: the disk failed, is full, or refused.
    """
    config = config or PartsConfig()
    folder, stages = Path(index).absolute(), Stages(progress or Silent())
    build = BuildConfig(
        kind=config.kind, device=config.device, recall=config.recall, memory=config.memory, params=config.params
    )
    check_device(build)
    check_place(folder)
    merged = Merged.of([Path(part).absolute() for part in parts], config)
    with stages.stage("read parts"):
        merged.read()
    note = merged.note
    first = replace(build, encoder=str(merged.folders[0] / ENCODER_FOLDER), precision=None)
    encoder = first_encoder(folder, first, stages)
    if encoder is not None and encoder.fingerprint != note.fingerprint:
        raise EncoderError(f"{merged.folders[0] / ENCODER_FOLDER}: is not the encoder of its part. Embed again")
    with open_writer(folder, create=True) as catalog:
        _check_encoder(catalog, note, folder)
        if encoder is None and "encoder" not in catalog.settings():  # a first build that was not finished
            encoder = choose_encoder(catalog, first)
        return _update(catalog, merged, replace(build, labels=note.labels), encoder, stages)


def _update(
    catalog: Catalog, merged: Merged, config: BuildConfig, encoder: Encoder | None, stages: Stages
) -> ChangeReport:
    note = merged.note
    labelling = merged.labelling(catalog)

    def survey() -> Survey:
        survey = survey_files(catalog, merged.files(), labelling.label)
        if survey.todo:
            merged.stage(catalog, {file.path for file, _ in survey.todo})
        return survey

    whole = not merged.missing
    update = Update(
        catalog,
        config,
        stages,
        labelling,
        encoder=encoder,
        root=merged.root if whole else None,
        exclude=note.exclude if whole else None,
    )
    report = update.run(survey)
    if merged.missing:
        report.notes.append(f"{merged.missing_text()}. Import them later: nothing is added twice")
    return report


def _check_encoder(catalog: Catalog, note: PartNote, folder: Path) -> None:
    settings = catalog.settings()
    if "encoder" not in settings:
        return
    refuse_another(Origin(note.encoder, note.fingerprint, note.dim), settings, folder)
    own = own_precision(catalog)
    if own != note.precision:
        raise EncoderError(
            f"{folder}: its encoder computes in {own}, and the parts were embedded in {note.precision}. Embed them with"
            f" --precision {own}, or import them into another folder"
        )


@dataclass(slots=True)
class Merged:
    """Parts that belong to one collection, and what their blocks say of each file."""

    folders: list[Path]
    note: PartNote
    """Of the first part; the others agree with it."""
    root: Path
    """The folder of pictures on this machine."""
    moved: bool
    """Whether that is another path than the one when they were embedded."""
    missing: list[int] = field(default_factory=list)
    """Numbers of the shards that are not there."""
    results: dict[Path, ReadResult] = field(default_factory=dict)
    labels: dict[Path, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, folders: list[Path], config: PartsConfig) -> Merged:
        """Check that parts belong together and are finished."""
        notes = [(folder, read_note(folder)) for folder in folders]
        if not notes:
            raise DataError("no part was given")
        (first, note), numbers = notes[0], dict[int, Path]()
        for folder, other in notes:
            difference = other.difference(note)
            if difference is not None:
                raise DataError(f"{folder}: does not belong with {first}: {difference}")
            if not other.finished:
                raise DataError(
                    f"{folder}: its run was not finished (shard {other.shard}). Run the same twinlens embed again"
                )
            before = numbers.setdefault(other.shard.number, folder)
            if before is not folder:
                raise DataError(f"{folder}: is shard {other.shard}, and so is {before}. Name one of them")
        missing = [number for number in range(1, note.shard.count + 1) if number not in numbers]
        own = Path(note.root)
        root = own if config.root is None else Path(os.path.normpath(Path(config.root).absolute()))
        merged = cls([numbers[key] for key in sorted(numbers)], note, root, root != own, missing)
        if missing and not config.partial:
            raise DataError(
                f"{merged.missing_text()}. Embed and name them too, or import the others alone with --partial"
            )
        return merged

    def missing_text(self) -> str:
        """Which shards are missing, in words."""
        named = ", ".join(f"{number}/{self.note.shard.count}" for number in self.missing[:_NAMED])
        more = f" and {len(self.missing) - _NAMED} more" if len(self.missing) > _NAMED else ""
        return f"missing shards: {named}{more}"

    def read(self) -> None:
        """Read what the blocks say of each file; the last row of a file counts."""
        for rows in self._rows(vectors=False):
            for row in rows:
                self.results[row.result.path] = self._here(row.result)
                self.labels[row.result.path] = row.label

    def files(self) -> list[FoundFile]:
        """The files as they were read, by the bytes of their paths, like a scan."""
        found = (FoundFile(r.path, r.bytes, r.mtime_ns, r.ctime_ns, r.inode) for r in self.results.values())
        return sorted(found, key=lambda file: os.fsencode(file.path))

    def labelling(self, catalog: Catalog) -> Labelling:
        """Labels from the parts; a picture of the index keeps its label, unless `--labels` was given to `embed`."""
        keep, root = self.note.labels is None, self.root
        sources = remembered_sources(catalog)
        known = [*known_roots(catalog), *map(Path, sources)]
        if not self.missing and not (keep and any(root.is_relative_to(each) for each in known)):
            sources = {top: each for top, each in sources.items() if not Path(top).is_relative_to(root)}
            sources[str(root)] = self.note.labelled_by
        return Labelling(
            lambda path, record: record.label if keep and record is not None else self.labels.get(path), sources
        )

    def stage(self, catalog: Catalog, paths: set[Path]) -> None:
        """Put the results of some files, and the vectors that the index lacks, where a build stages its own."""
        staging = Staging(catalog.folder, self.note.fingerprint)
        try:
            for rows in self._rows(vectors=True):
                here = [self._here(row.result) for row in rows]
                files = [each for each in here if each.path in paths and self.results[each.path] == each]
                vectors = [(each, row.vector) for each, row in zip(here, rows, strict=True) if row.vector is not None]
                known = catalog.places.of_contents([result.content for result, _ in vectors])
                staging.add(files, [each for each in vectors if each[0].content not in known])
        finally:
            staging.close()

    def _rows(self, *, vectors: bool) -> Iterator[list[BlockRow]]:
        for folder in self.folders:
            for block in blocks_of(folder):
                yield from read_block(block, self.root, self.note.fingerprint, vectors=vectors)

    def _here(self, result: ReadResult) -> ReadResult:
        """A result with the inode of this machine: unknown, if the pictures are in another folder here."""
        return replace(result, ctime_ns=None, inode=None) if self.moved else result
