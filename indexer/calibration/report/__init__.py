"""What `twinlens calibrate --report DIR` writes: curves as PNGs, and a page that shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.calibration.measure import Measured

__all__ = ["write_report"]


def write_report(folder: Path, found: Measured, *, encoder: str) -> list[Path]:
    """Draw ROC, DET, rates over thresholds, distances and reliability, and write `report.md`; give the paths.

    The same measurement gives the same bytes.

    Args:
        folder: made where it is not there.
        found: what was measured.
        encoder: its name, or that of the index, for the headings.
    """
    from indexer.calibration.report.curves import draw_det, draw_rates, draw_roc
    from indexer.calibration.report.histograms import draw_distances, draw_reliability
    from indexer.calibration.report.page import PAGE_FILE, page_text
    from indexer.training.report.style import save

    folder.mkdir(parents=True, exist_ok=True)
    where = "" if encoder == found.calibration.data else f"{encoder} on "
    about = f"{where}{found.calibration.data} · {found.calibration.subjects:,} subjects"
    drawings = {
        "roc.png": draw_roc,
        "det.png": draw_det,
        "rates.png": draw_rates,
        "distances.png": draw_distances,
        "reliability.png": draw_reliability,
    }
    written = [save(draw(found, about), folder / name) for name, draw in drawings.items()]
    page = folder / PAGE_FILE
    page.write_text(page_text(found, encoder), encoding="utf-8")
    return [*written, page]
