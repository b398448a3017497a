"""Write the page of a calibration: `report.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.errors import QueryError
from search.files.writing import read_own

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.calibration.measure import Measured
    from search.recognition.calibration import Calibration

PAGE_FILE = "report.md"
_HEADING = "# Calibration of "
_RATES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0001)


def is_page(file: Path) -> bool:
    """Whether a file is the page of a calibration, and may be overwritten by another."""
    try:
        return read_own(file, len(_HEADING)) == _HEADING.encode()
    except OSError:
        return False


def page_text(measured: Measured, encoder: str) -> str:
    """Markdown with the figures, the thresholds for other rates, and links to the PNGs."""
    calibration = measured.calibration
    rows = "\n".join(f"| {name} | {value} |" for name, value in _figures(calibration, measured).items())
    return f"""{_HEADING}{_cell(encoder)}

Measured on {_cell(calibration.data)}, {calibration.created}.

| figure | value (95 % interval) |
|---|---|
{rows}

The intervals of FAR, FRR and the calibration error are those expected for new subjects, at least half as many as these.
The intervals of EER and AUC are for resampled subjects of this data.
{_cautions(calibration)}
## Other thresholds

| FAR at most | distance | FRR |
|---|---|---|
{_thresholds(calibration)}

## Curves

![Receiver operating characteristic](roc.png)

![Detection error trade-off](det.png)

![Error rates over the threshold](rates.png)

![Distances of same and different pairs](distances.png)

![Reliability of the probabilities](reliability.png)
"""


def _figures(calibration: Calibration, measured: Measured) -> dict[str, str]:
    return {
        "threshold (Euclidean distance)": f"{calibration.threshold:.4f}",
        "chosen by": calibration.rule,
        "FAR at the threshold": str(calibration.far),
        "FRR at the threshold": str(calibration.frr),
        "EER": str(calibration.eer),
        "AUC": str(calibration.auc),
        "expected calibration error, on held-out subjects": f"{calibration.ece} "
        f"({calibration.to_dict()['method']}; the other method {measured.other_ece:.4f})",
        "share of same pairs assumed by the probabilities": f"{calibration.prior:.4g}",
        "share of same pairs assumed by answers": f"{calibration.answer_prior:.4g}",
        "same pairs": f"{calibration.same_pairs:,}",
        "different pairs": f"{calibration.different_pairs:,}",
        "subjects": f"{calibration.subjects:,}",
    }


def _cautions(calibration: Calibration) -> str:
    return "".join(f"\n- Caution: {caution}." for caution in calibration.cautions) + "\n" * bool(calibration.cautions)


def _thresholds(calibration: Calibration) -> str:
    lines = []
    for rate in _RATES:
        try:
            distance = calibration.threshold_at(rate)
        except QueryError:
            lines.append(f"| {rate:g} | too few different pairs | |")
        else:
            lines.append(f"| {rate:g} | {distance:.4f} | {calibration.frr_at(distance):.4f} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Format any name as one cell of a Markdown table."""
    plain = "".join(c if c.isprintable() else "?" for c in text).replace("`", "'").replace("|", "/")
    return f"`{plain}`"
