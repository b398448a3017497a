"""Write the report of `twinlens calibrate --report DIR`: figures as PNGs, and a page that shows them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from search.errors import DataError
from search.files.disk_errors import disk_errors_named
from search.files.writing import output_file

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.calibration.measure import Measured

__all__ = ["check_report", "write_report"]

_DRAWN = ("roc.png", "det.png", "rates.png", "distances.png", "reliability.png")


def check_report(folder: Path) -> None:
    """Check that a report overwrites no other files in a folder.

    Raises:
        DataError: not a folder, or it holds files with the names of a report's but no report.
    """
    from indexer.calibration.report.page import PAGE_FILE, is_page

    if os.path.lexists(folder) and not folder.is_dir():
        raise DataError(f"{folder}: is a file. Name a folder for the report")
    taken = [name for name in (PAGE_FILE, *_DRAWN) if os.path.lexists(folder / name)]
    if taken and not is_page(folder / PAGE_FILE):
        raise DataError(
            f"{folder}: holds a {taken[0]} that is not from a calibration. Name another folder for the report"
        )


def write_report(folder: Path, measured: Measured, *, encoder: str) -> list[Path]:
    """Draw ROC, DET, rates over thresholds, distances and reliability, and write `report.md`; return the paths.

    The same measurement gives the same bytes.

    Args:
        folder: the folder to write into; created if it does not exist.
        measured: the calibration and its data.
        encoder: name of the encoder or index, for the headings.
    """
    from indexer.calibration.report.curves import draw_det, draw_rates, draw_roc
    from indexer.calibration.report.histograms import draw_distances, draw_reliability
    from indexer.calibration.report.page import PAGE_FILE, page_text
    from indexer.plots.style import save

    with disk_errors_named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    where = "" if encoder == measured.calibration.data else f"{encoder} on "
    about = f"{where}{measured.calibration.data} · {measured.calibration.subjects:,} subjects"
    drawings = dict(zip(_DRAWN, (draw_roc, draw_det, draw_rates, draw_distances, draw_reliability), strict=True))
    page = folder / PAGE_FILE
    with output_file(page) as stream:  # written first, so that `check_report` recognises an unfinished report
        stream.write(page_text(measured, encoder).encode())
    written = [save(draw(measured, about), folder / name) for name, draw in drawings.items()]
    return [*written, page]
