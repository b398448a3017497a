"""Check an index folder for damage: every file by its checksum, every picture by its row.

Damage is a finding: the file, and the pictures that it affects. Harmless observations, such as a file that a killed
writer left, are notes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from indexer.pipeline.lock import HOLDER_NAME, LOCK_NAME
from indexer.pipeline.staging import is_staging
from search.encoders.converted import conversion_problem
from search.encoders.manifest import MANIFEST_FILE
from search.encoders.openvino_conversion import is_conversion
from search.errors import DamagedFileError, IndexFolderError, UnsupportedError
from search.files.reading import require_inside
from search.recognition.identities import check_template
from search.recognition.stored import index_calibration
from search.store.catalog import CATALOG_NAME, Catalog
from search.store.durable import verify
from search.store.map_file import MAP_SETTING, map_record, read_map
from search.store.seal import BUILD_AGAIN, SEAL_NAME, SealError
from search.store.segments import named_file, structure_class
from search.store.structure_file import verify_structure
from search.store.vector_file import find_damage

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from search.store.audit import RowCounts
    from search.store.records import FileRecord, PictureRecord, SegmentRecord

NAMED_PICTURES = 20
"""Pictures listed per finding, by default."""
_NAMED_ROWS = 5
_LASTING = {CATALOG_NAME, SEAL_NAME, LOCK_NAME, HOLDER_NAME}
"""Files of an index folder that its catalog does not name."""

Part = Literal["catalog", "seal", "encoder", "vectors", "structure", "map", "records"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of damage in one file."""

    part: Part
    file: str
    """Relative to the index folder."""
    problem: str
    segment: int | None = None
    rows: tuple[range, ...] = ()
    """Rows of the segment whose vectors are lost."""
    suffering: int = 0
    """Number of affected pictures, which cannot be found or trusted."""
    pictures: tuple[PictureRecord, ...] = ()
    """The first affected pictures."""

    def __str__(self) -> str:
        if not self.suffering:
            return f"{self.file}: {self.problem}"
        named = ", ".join(str(picture.path) for picture in self.pictures)
        more = self.suffering - len(self.pictures)
        listed = f": {named}" + (f" and {more} more" if more else "") if named else ""
        return f"{self.file}: {self.problem}; {self.suffering} pictures are affected{listed}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "part": self.part,
            "file": self.file,
            "problem": self.problem,
            "segment": self.segment,
            "rows": [[part.start, part.stop] for part in self.rows],
            "suffering": self.suffering,
            "pictures": [{"id": picture.id, "path": str(picture.path)} for picture in self.pictures],
        }


@dataclass(slots=True)
class CheckReport:
    """Findings and notes for one folder."""

    index: Path | str
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether no damage was found."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        findings = [finding.to_dict() for finding in self.findings]
        return {"index": str(self.index), "whole": self.whole, "findings": findings, "notes": self.notes}


def check(index: str | os.PathLike[str]) -> list[str]:
    """List the damage of an index folder, one sentence per finding; an empty list means that no damage was found.

    Raises:
        IndexFolderError: there is no index, or a newer Twinlens made it.
    """
    return [f"{Path(index)}/{finding}" for finding in inspect(index).findings]


def inspect(index: str | os.PathLike[str], *, named: int = NAMED_PICTURES) -> CheckReport:
    """Check every byte of an index folder.

    Files are read as streams and rows are counted by SQLite: memory grows only with the number of listed pictures.

    Args:
        index: the folder.
        named: most pictures that a finding lists; -1 for all.

    Raises:
        IndexFolderError: there is no index, or it was made by a newer Twinlens.
    """
    folder = Path(index)
    report = CheckReport(folder)
    try:
        catalog = _open_catalog(folder, report)
        try:
            if not catalog.sealed and report.whole:
                report.notes.append("its last change is not sealed yet: a writer is running, or was killed")
            report.findings += _findings(catalog, named)
            report.notes += [f"{name}: not part of the index" for name in _unlisted_files(catalog)]
            if report.whole:
                report.notes += _conversion_notes(catalog)
        finally:
            catalog.close()
    except DamagedFileError as error:
        name = error.file.name if error.file.parent == folder else CATALOG_NAME
        report.findings.append(Finding("catalog", name, f"{error.problem}. {BUILD_AGAIN}"))
        report.notes.append("without a catalog the other files cannot be checked")
    return report


def _open_catalog(folder: Path, report: CheckReport) -> Catalog:
    """Open the catalog; if its seal is damaged, report that and open it without."""
    try:
        return Catalog.read(folder, thorough=True)
    except SealError as error:
        report.findings.append(Finding("seal", SEAL_NAME, error.problem))
    return Catalog.read(folder, verify=False)


def _findings(catalog: Catalog, named: int) -> Iterator[Finding]:
    problems = [*catalog.audit.integrity_errors(), *catalog.audit.value_errors()]
    for problem in problems:
        yield Finding("catalog", CATALOG_NAME, problem)
    try:
        yield from _parts(catalog, named)
    except IndexFolderError as error:
        if not problems:
            yield Finding("catalog", CATALOG_NAME, error.problem if isinstance(error, DamagedFileError) else str(error))


def _parts(catalog: Catalog, named: int) -> Iterator[Finding]:
    """Check everything that the catalog refers to; raises IndexFolderError for an invalid value."""
    settings = catalog.settings()
    if "encoder" not in settings:
        yield Finding("records", CATALOG_NAME, "its first build was not finished: run the same twinlens build again")
        return
    files = {record.name: record for record in catalog.files.records()}
    segments = catalog.segments.records()
    others = {name for segment in segments for name in (segment.vectors, segment.structure)}
    if (of_map := settings.get(MAP_SETTING)) is not None:
        others.add(of_map["file"])
        yield from _check_map(catalog, of_map)
    for name in sorted(files.keys() - others):
        if problem := _problem(catalog.folder, files[name]):
            effect = (
                "torch embeds pictures instead, more slowly" if is_conversion(name) else "no picture can be embedded"
            )
            yield Finding("encoder", name, f"{problem}; {effect}")
    place = settings["encoder_folder"]
    if place is not None and f"{place}/{MANIFEST_FILE}" not in files:
        yield Finding("encoder", f"{place}/{MANIFEST_FILE}", "is not in the catalog; no picture can be embedded")
    for segment in segments:
        yield from _check_vectors(catalog, segment, files, int(settings["dim"]), named)
        if problem := _structure_problem(catalog.folder, segment, files, int(settings["dim"])):
            name = segment.structure or CATALOG_NAME
            yield _affected(catalog, "structure", name, problem, segment, [range(segment.rows)], named)
    for counts in catalog.audit.row_counts():
        if not counts.sound:
            yield from _check_rows(catalog, counts)
    catalog.skipped.records()
    yield from _check_settings(catalog, settings)


def _conversion_notes(catalog: Catalog) -> Iterator[str]:
    """Whether OpenVINO, if it is installed, can compute the encoder, which is undamaged."""
    place = catalog.settings()["encoder_folder"]
    if place is not None and (problem := conversion_problem(catalog.folder / place)) is not None:
        yield f"{place}: {problem}. Torch embeds pictures instead, more slowly; twinlens rebuild converts the network"


def _check_settings(catalog: Catalog, settings: dict[str, Any]) -> Iterator[Finding]:
    try:
        index_calibration(catalog.folder, settings)
    except IndexFolderError as error:
        yield Finding("records", CATALOG_NAME, str(error))
    for template in catalog.identities.templates():
        try:
            check_template(template, int(settings["dim"]))
        except IndexFolderError as error:
            yield Finding("records", CATALOG_NAME, str(error))


def _check_map(catalog: Catalog, facts: dict[str, Any]) -> Iterator[Finding]:
    try:
        read_map(catalog.folder, map_record(catalog, facts))
    except DamagedFileError as error:
        yield Finding("map", facts["file"], f"{error.problem}; only the map of the collection is lost")


def _check_vectors(
    catalog: Catalog, segment: SegmentRecord, files: dict[str, FileRecord], dim: int, named: int
) -> Iterator[Finding]:
    record = named_file(catalog.folder, files, segment.vectors)
    damage = find_damage(require_inside(catalog.folder, record.name), record, segment.rows, dim)
    if damage is not None:
        yield _affected(catalog, "vectors", segment.vectors, damage.problem, segment, damage.rows, named)


def _structure_problem(folder: Path, segment: SegmentRecord, files: dict[str, FileRecord], dim: int) -> str | None:
    """A problem with a segment's structure, in the bytes of its file or their content; None if there is none."""
    kind = structure_class(folder, segment)
    try:
        if segment.structure is None:
            kind(**segment.parameters)
        else:
            record = named_file(folder, files, segment.structure)
            verify(folder, record)
            verify_structure(folder, record)
            kind.audit(folder / segment.structure, segment.rows, dim, **segment.parameters)
    except DamagedFileError as error:
        return error.problem
    except (UnsupportedError, TypeError) as error:
        return str(error)
    return None


def _affected(
    catalog: Catalog, part: Part, name: str, problem: str, segment: SegmentRecord, rows: Sequence[range], named: int
) -> Finding:
    """A finding with the pictures in some rows of a segment."""
    pictures: list[PictureRecord] = []
    for each in rows:
        if named < 0 or len(pictures) < named:
            pictures += catalog.pictures.between(segment.id, each, max(-1, named - len(pictures)))
    count = sum(catalog.places.count_between(segment.id, each) for each in rows)
    return Finding(part, name, problem, segment.id, tuple(rows), count, tuple(pictures))


def _problem(folder: Path, record: FileRecord) -> str | None:
    try:
        verify(folder, record)
    except DamagedFileError as error:
        return error.problem
    return None


def _check_rows(catalog: Catalog, counts: RowCounts) -> Iterator[Finding]:
    """Report rows of a segment that have neither a picture nor a tombstone, have both, or do not exist."""
    alive, dead = set(catalog.places.rows_with_picture(counts.segment)), set(catalog.tombstones.rows(counts.segment))
    taken = alive | dead
    beyond = {row for row in taken if not 0 <= row < counts.rows}
    free = (row for row in range(counts.rows) if row not in taken)
    errors = (
        ("have a picture and a tombstone", len(alive & dead), sorted(alive & dead)),
        ("have neither a picture nor a tombstone", counts.rows - len(taken - beyond), free),
        ("do not exist", len(beyond), sorted(beyond)),
    )
    for error, number, rows in errors:
        if number:
            listed = ", ".join(map(str, islice(rows, _NAMED_ROWS))) + (", ..." if number > _NAMED_ROWS else "")
            problem = f"segment {counts.segment}: {number} rows {error} ({listed})"
            yield Finding("records", CATALOG_NAME, problem, counts.segment)


def _unlisted_files(catalog: Catalog) -> Iterator[str]:
    """Files in the folder that are not in the catalog: left by killed writers, or put there by the user."""
    named = {record.name for record in catalog.files.records()} | _LASTING
    named |= {f"{CATALOG_NAME}{side}" for side in ("-wal", "-shm")}
    for path in sorted(catalog.folder.rglob("*")):
        name = path.relative_to(catalog.folder).as_posix()
        if not path.is_dir() and name not in named and not is_staging(path):
            yield name
