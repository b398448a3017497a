"""Switch an index to another encoder: embed all pictures again beside it, then commit once.

The new vectors are kept in a staging file of the new encoder, so that a killed run continues where it stopped. Until
the commit the index answers with its old vectors; an engine that is open keeps them, and the old encoder, until it is
closed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.collection.reembedding_templates import embed_templates
from indexer.pipeline.change_report import ChangeReport
from indexer.pipeline.changes import Changes
from indexer.pipeline.committing import write_blocks
from indexer.pipeline.embed import embed_files
from indexer.pipeline.exif import put_exif
from indexer.pipeline.index_encoder import fitting_calibration, name_encoder, store_encoder
from indexer.pipeline.known_contents import KnownContents
from indexer.pipeline.picture_views import PictureViews
from indexer.pipeline.scan import FoundFile
from indexer.pipeline.staging import Staging
from indexer.pipeline.survey import is_same
from search.errors import DataError
from search.pictures.remote import is_remote, refusal
from search.pictures.tar_members import tar_of
from search.store.map_file import store_map
from search.text import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexer.collection.reembedding_templates import Templates
    from indexer.pipeline.progress import Stages
    from indexer.pipeline.staging import ReadResult
    from search.config import BuildConfig
    from search.encoders.base import Encoder
    from search.store.catalog import Catalog
    from search.store.records import FileRecord, PictureRecord, SegmentRecord
    from search.types import Floats

_PAGE = 2_000
_SHOWN = 20
"""Most lost pictures that an error lists."""
_PUT_BACK = "Put them back, or remove them from the index with --drop-missing."


def switch_encoder(
    catalog: Catalog, encoder: Encoder, config: BuildConfig, stages: Stages, *, drop_missing: bool
) -> ChangeReport:
    """Embed all pictures and reference pictures with another encoder, and switch to it by one commit.

    Raises:
        DataError: files are gone or cannot be read, and `drop_missing` is not set; or all of them are.
        EncoderError: the calibration in the encoder's folder is damaged.
    """
    calibration = fitting_calibration(catalog.settings().get("calibration"), encoder, config)
    staging = Staging(catalog.folder, encoder.fingerprint)
    try:
        staging.forget_failures()  # they may be readable now
        switch = _Switch(catalog, encoder, staging, stages)
        templates = embed_templates(catalog, encoder, stages)
        switch.refuse(list(switch.missing()), templates.lost, drop_missing=drop_missing)
        embedded = switch.embed(config)
        switch.find_lost_and_changed()
        switch.refuse(switch.lost, [], drop_missing=drop_missing)
        segment, files = switch.write_segment(config)
        with stages.stage("commit"):
            report = switch.commit(segment, files, templates, calibration)
    finally:
        staging.close()
    report.embedded = embedded
    return report


@dataclass(slots=True)
class _Switch:
    """One switch to another encoder."""

    catalog: Catalog
    encoder: Encoder
    staging: Staging
    stages: Stages
    changed: list[PictureRecord] = field(default_factory=list)
    """New records of pictures whose file changed since it was indexed."""
    lost: list[tuple[Path, str]] = field(default_factory=list)
    lost_pictures: list[PictureRecord] = field(default_factory=list)

    def missing(self) -> Iterator[tuple[Path, str]]:
        """Pictures whose file does not exist, checked before any work."""
        for page in self.catalog.pictures.pages():
            for record in page:
                if isinstance(status := _status(record), str):
                    yield record.path, status

    def embed(self, config: BuildConfig) -> int:
        """Embed the pictures that are not staged yet."""
        with self.stages.stage("embed", self.catalog.pictures.count()):
            return embed_files(
                self._todo(),
                self.encoder,
                self.staging,
                KnownContents(None, self.staging),
                batch_size=config.batch_size,
                workers=config.workers,
                stages=self.stages,
            )

    def find_lost_and_changed(self) -> None:
        """Collect the lost pictures and the changed ones."""
        for record, result in self._results():
            if result is None or result.reason is not None:
                reason = "no such file" if result is None or result.reason is None else result.reason
                self.lost.append((record.path, reason))
                self.lost_pictures.append(record)
            elif result.content != record.content:
                size = self.staging.size(result.content)
                assert size is not None, f"{result.path} was read and not embedded"
                self.changed.append(
                    replace(
                        record,
                        content=result.content,
                        bytes=result.bytes,
                        mtime_ns=result.mtime_ns,
                        width=size[0],
                        height=size[1],
                        ctime_ns=result.ctime_ns,
                        inode=result.inode,
                    )
                )

    def refuse(self, lost: list[tuple[Path, str]], templates: list[tuple[Path, str]], *, drop_missing: bool) -> None:
        """Raise DataError if pictures are lost without `drop_missing`, or if all of them are."""
        if drop_missing and (not lost or len(lost) < self.catalog.pictures.count()):
            return
        named = lost + templates
        if not named:
            return
        advice = "These are all of its pictures. Check that their disk is mounted." if drop_missing else _PUT_BACK
        shown = [f"  {path}: {reason}".replace("\n", "\\n") for path, reason in named[:_SHOWN]]
        if len(named) > _SHOWN:
            shown.append(f"  ... and {len(named) - _SHOWN} more")
        raise DataError(
            f"{self.catalog.folder}: {len(named)} of its pictures cannot be embedded with {self.encoder.name}. {advice}"
            " The index was not changed\n" + "\n".join(shown)
        )

    def write_segment(self, config: BuildConfig) -> tuple[SegmentRecord | None, list[FileRecord]]:
        """Write the one segment of the new index; None if it has no pictures."""
        rows = self.catalog.pictures.count() - len(self.lost_pictures)
        views = PictureViews(self._paths, lambda: self.encoder, config.workers)
        dim = self.encoder.dim
        return write_blocks(self.catalog, self._blocks(), rows, dim, config, self.stages, views=views, afresh=True)

    def _paths(self, rows: Sequence[int]) -> list[Path]:
        """The files of pictures by their position among those of the new segment."""
        lost = {record.id for record in self.lost_pictures}
        paths = [record.path for page in self.catalog.pictures.pages() for record in page if record.id not in lost]
        return [paths[row] for row in rows]

    def commit(
        self,
        segment: SegmentRecord | None,
        files: list[FileRecord],
        templates: Templates,
        calibration: dict[str, object] | None,
    ) -> ChangeReport:
        """Switch encoder, vectors, reference pictures and calibration in one transaction."""
        catalog, old = self.catalog, self.catalog.settings()
        contents = [record.content for record in self.changed]
        changes = Changes(changed=self.changed, exif=self.staging.exif(contents))
        stored = store_encoder(catalog.folder, self.encoder)
        with catalog.transaction():
            name_encoder(catalog, self.encoder, stored)
            catalog.set(calibration=calibration, updated=utc_now())
            catalog.files.add(files)
            if old["fingerprint"] != self.encoder.fingerprint:
                store_map(catalog, None)  # its positions and clusters are those of the old encoder
            catalog.pictures.remove(self.lost_pictures)
            catalog.pictures.put(self.changed)
            catalog.segments.replace_all(segment, utc_now())
            put_exif(catalog, changes)
            catalog.identities.replace(templates.embedded)
            catalog.retained.keep_templates(templates.lost_templates)
        report = ChangeReport.of_rebuild(catalog, segment, self.stages.seconds)
        report.list_paths("removed", [path for path, _ in self.lost])
        report.list_paths("changed", [record.path for record in self.changed])
        report.unchanged = report.images - report.changed
        same = old["fingerprint"] == self.encoder.fingerprint
        was = "all pictures were decoded and embedded again" if same else f"the encoder was {old['encoder']}"
        report.notes = [was, *templates.notes(), *_calibration_note(old, calibration)]
        return report

    def _todo(self) -> Iterator[FoundFile]:
        for page in self.catalog.pictures.pages():
            staged = self.staging.results([record.path for record in page])
            for record in page:
                status = _status(record)
                if isinstance(status, str):
                    continue
                if is_same(staged.get(record.path), status):
                    self.stages.progress.advance(1)
                else:
                    yield status

    def _results(self) -> Iterator[tuple[PictureRecord, ReadResult | None]]:
        for page in self.catalog.pictures.pages():
            results = self.staging.results([record.path for record in page])
            yield from ((record, results.get(record.path)) for record in page)

    def _blocks(self) -> Iterator[Floats]:
        lost, known = {record.id for record in self.lost_pictures}, KnownContents(None, self.staging)
        contents = (
            result.content for record, result in self._results() if result is not None and record.id not in lost
        )
        while block := list(islice(contents, _PAGE)):
            yield from known.vectors(block)


def _status(record: PictureRecord) -> FoundFile | str:
    """The present state of a picture's file, or the reason why it cannot be read.

    A picture in a tar or at an address is taken as it was indexed; reading it shows whether it changed.
    """
    path = record.path
    if is_remote(path):
        reason = refusal(path)
        return reason or FoundFile(path, record.bytes, record.mtime_ns, record.ctime_ns, record.inode)
    tar = tar_of(path)
    try:
        status = (tar or path).stat()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return FoundFile.of(path, status) if tar is None else FoundFile(path, record.bytes, record.mtime_ns)


def _calibration_note(old: dict[str, object], new: dict[str, object] | None) -> list[str]:
    if new is not None and new == old.get("calibration"):
        return ["the calibration is older than the new embeddings: run twinlens calibrate again"]
    if new is not None:
        return ["the calibration is that of the new encoder"]
    if old.get("calibration") is not None:
        return ["the calibration belonged to the old encoder and was removed: run twinlens calibrate again"]
    return []
