"""Repair a damaged index folder from its own files and the pictures, in one commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.health.check import CheckReport, inspect
from indexer.health.segment_repair import rebuild_structure, rebuild_vectors
from indexer.pipeline.index_encoder import replace_encoder_files, store_encoder
from indexer.pipeline.lock import writer_lock
from indexer.pipeline.sweeping import sweep
from indexer.pipeline.writer import open_catalog
from search.config import QueryConfig
from search.encoders import load_encoder
from search.encoders.foreign import is_foreign
from search.encoders.openvino_conversion import is_conversion
from search.errors import IndexFolderError, TwinlensError
from search.store.catalog import Catalog, holds_index
from search.store.map_file import store_map
from search.text import utc_now

if TYPE_CHECKING:
    import os

    from indexer.health.check import Finding
    from indexer.health.segment_repair import RepairedSegment
    from search.config import Device
    from search.encoders.base import Encoder
    from search.store.records import FileRecord, PictureRecord


@dataclass(slots=True)
class RepairReport:
    """The damage before and after a repair, and what was done."""

    before: CheckReport
    after: CheckReport
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Damage that was not repaired, with what to do about it."""
    embedded: int = 0
    """Number of pictures that were embedded again."""
    removed: list[PictureRecord] = field(default_factory=list)
    """Pictures whose vectors are lost and whose files are gone or changed: no longer in the index."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        removed = [{"id": picture.id, "path": str(picture.path)} for picture in self.removed]
        return {
            **self.after.to_dict(),
            "found": self.before.to_dict()["findings"],
            "done": self.done,
            "left": self.left,
            "embedded": self.embedded,
            "removed": removed,
        }


def repair(index: str | os.PathLike[str], *, device: Device = QueryConfig.device) -> RepairReport:
    """Check an index folder and repair what is damaged.

    Structures are built again from their vectors, and the encoder is saved again if the encoder of its name has the
    same fingerprint. If vectors are damaged, the pictures of those rows are embedded again from their unchanged files;
    the others are removed from the index, and a later build or sync adds them again if it finds them.

    Raises:
        IndexFolderError: there is no index, or its catalog is damaged and cannot be repaired.
        IndexLockedError: another process is writing this index.
    """
    folder = Path(index).absolute()
    if not holds_index(folder):  # before the lock, which would create a file
        Catalog.read(folder).close()
    with writer_lock(folder):
        before = inspect(folder)
        _refuse_damaged_catalog(before)
        report = RepairReport(before, before)
        if before.whole:
            return report
        catalog = open_catalog(folder, reseal=True)
        try:
            if any(finding.part == "seal" for finding in before.findings):
                report.done.append("sealed the catalog again, as its structure is sound")
            _Repair(catalog, report, device).run()
            sweep(catalog)
        finally:
            catalog.close()
        report.after = inspect(folder)
        return report


def _refuse_damaged_catalog(report: CheckReport) -> None:
    for finding in report.findings:
        if finding.part == "catalog":
            raise IndexFolderError(
                f"{report.index}/{finding.file}: {finding.problem}. A catalog cannot be repaired, because only the"
                " catalog records which picture each vector belongs to. Restore it from a backup, or delete the folder"
                " and build again"
            )


class _Repair:
    """One repair, under the writer's lock."""

    def __init__(self, catalog: Catalog, report: RepairReport, device: Device) -> None:
        self._catalog, self._report, self._device = catalog, report, device
        self._settings = catalog.settings()
        self._saved: list[FileRecord] | None = None
        self._encoder: Encoder | None = None

    def run(self) -> None:
        """Write all new files, then add them to the catalog in one commit."""
        findings = self._report.before.findings
        self._report.left += [str(finding) for finding in findings if finding.part == "records"]
        damaged = [finding.file for finding in findings if finding.part == "encoder"]
        if damaged:
            self._restore_conversion() if all(map(is_conversion, damaged)) else self._restore_encoder()
        by_segment: dict[int, list[Finding]] = {}
        for finding in findings:
            if finding.part in ("vectors", "structure") and finding.segment is not None:
                by_segment.setdefault(finding.segment, []).append(finding)
        repaired = [
            result
            for segment, damage in by_segment.items()
            if (result := self._repair_segment(segment, damage)) is not None
        ]
        lost_map = any(finding.part == "map" for finding in findings)
        if not repaired and self._saved is None and not lost_map:
            return
        with self._catalog.transaction():
            self._catalog.set(updated=utc_now())
            for each in repaired:
                each.store(self._catalog)
            if self._saved is not None:
                replace_encoder_files(self._catalog, self._saved)
            if lost_map:
                store_map(self._catalog, None)
                self._report.done.append("removed the damaged map of the collection: twinlens map --keep computes one")

    def _restore_conversion(self) -> None:
        """Save the encoder again from its own weights, which are intact: that converts them for OpenVINO again."""
        place = str(self._settings["encoder_folder"])
        encoder = load_encoder(self._catalog.folder / place, device=self._device)
        self._encoder, self._saved = encoder, store_encoder(self._catalog.folder, encoder, place)
        self._report.done.append(f"saved the encoder {encoder.name} again, from its weights")

    def _restore_encoder(self) -> None:
        """Save the encoder again, if the encoder of its name has the same fingerprint."""
        name, fingerprint = self._settings["encoder"], self._settings["fingerprint"]
        try:
            encoder = load_encoder(name, device=self._device)
        except TwinlensError as error:
            reason = str(error)
        else:
            if encoder.fingerprint == fingerprint:
                place = str(self._settings["encoder_folder"])
                self._encoder, self._saved = encoder, store_encoder(self._catalog.folder, encoder, place)
                self._report.done.append(f"saved the encoder {name} again")
                return
            reason = f"the encoder of this name has the fingerprint {encoder.fingerprint}"
        self._report.left.append(
            f"the encoder {name} with the fingerprint {fingerprint} cannot be loaded ({reason}): put its files back"
            f" into {self._catalog.folder / self._settings['encoder_folder']}, or build the index again with another"
            " encoder"
        )

    def _repair_segment(self, segment_id: int, findings: list[Finding]) -> RepairedSegment | None:
        segment = next(record for record in self._catalog.segments.records() if record.id == segment_id)
        vectors = next((finding for finding in findings if finding.part == "vectors"), None)
        if vectors is None:
            self._report.done.append(f"segment {segment_id}: built its structure ({segment.kind}) again")
            return rebuild_structure(self._catalog, segment, self._device)
        if not self._accounts_for_its_rows(segment_id):
            self._report.left.append(
                f"segment {segment_id}: the catalog does not list the content of each of its {segment.rows} rows."
                " Restore the index from a backup, or delete its folder and build it again"
            )
            return None
        if vectors.suffering and not self._made_elsewhere and not self._can_embed():
            self._report.left.append(f"segment {segment_id}: needs the encoder to embed {vectors.suffering} pictures")
            return None
        repaired = rebuild_vectors(self._catalog, segment, vectors.rows, self._encoder, self._device)
        self._report.embedded += repaired.embedded
        self._report.removed += repaired.lost
        self._report.done.append(
            f"segment {segment_id}: wrote its vectors again; {repaired.embedded} pictures were embedded again, and"
            f" {len(repaired.lost)} pictures were removed because {self._why_lost()}"
        )
        return repaired

    def _accounts_for_its_rows(self, segment_id: int) -> bool:
        """Whether each row has a picture or a tombstone: otherwise the number of rows cannot be trusted."""
        return all(counts.sound for counts in self._catalog.audit.row_counts() if counts.segment == segment_id)

    @property
    def _made_elsewhere(self) -> bool:
        return is_foreign(str(self._settings["fingerprint"]))

    def _why_lost(self) -> str:
        if self._made_elsewhere:
            return "they were embedded elsewhere: run the import of their vectors again"
        return "their files are gone or changed"

    def _can_embed(self) -> bool:
        """Load the encoder of the index if it is intact; return whether it is available."""
        if self._encoder is None and all(finding.part != "encoder" for finding in self._report.before.findings):
            place = self._catalog.folder / self._settings["encoder_folder"]
            self._encoder = load_encoder(place, device=self._device)
        return self._encoder is not None
