"""Whether an index folder is whole: every file by checksum, every picture by its row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from search.catalog import Catalog
from search.durable import verify
from search.errors import IndexFolderError
from search.identities import check_template
from search.stored_calibration import index_calibration

if TYPE_CHECKING:
    import os

    from search.records import SegmentRecord


def check(index: str | os.PathLike[str]) -> list[str]:
    """List what is wrong with an index folder, one sentence a finding; an empty list means that it is whole.

    Raises:
        IndexFolderError: there is no index, or its catalog cannot be read at all.
    """
    folder = Path(index)
    catalog = Catalog.read(folder)
    try:
        findings = [f"{folder / 'catalog.sqlite'}: {error}" for error in catalog.integrity_errors()]
        if "encoder" not in catalog.settings():
            return [*findings, f"{folder}: its first build was not finished: run the same twinlens build again"]
        try:
            index_calibration(folder, catalog.settings())
        except IndexFolderError as error:
            findings.append(str(error))
        for record in catalog.files():
            try:
                verify(folder, record)
            except IndexFolderError as error:
                findings.append(str(error))
        for segment in catalog.segments():
            findings += _check_rows(catalog, segment)
        for template in catalog.templates():
            try:
                check_template(template, int(catalog.settings()["dim"]))
            except IndexFolderError as error:
                findings.append(str(error))
        return findings
    finally:
        catalog.close()


def _check_rows(catalog: Catalog, segment: SegmentRecord) -> list[str]:
    """Every row of a segment has either a picture or a tombstone."""
    dead = set(catalog.tombstones(segment.id))
    alive = set(catalog.pictures_at(segment.id, range(segment.rows)))
    name = f"segment {segment.id}"
    findings = [f"{name}: row {row} has a picture and a tombstone" for row in sorted(dead & alive)]
    findings += [f"{name}: row {row} has no picture" for row in range(segment.rows) if row not in dead | alive]
    return findings
