"""The encoder, the structure and the calibration of an index, as cards and tables."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from app_parts.remedies import show_command
from app_parts.tiles import plain
from search.encoders import available
from search.recognition.calibration import ErrorRate
from search.text import counted, megabytes

if TYPE_CHECKING:
    from app_parts.shared_index import SharedIndex
    from search import IndexInfo
    from search.types import SegmentInfo


def show_encoder(info: IndexInfo) -> None:
    """What the encoder is for and what it costs; of an encoder outside the menu, what the index records of it."""
    st.header("Encoder", anchor=False)
    show_facts(encoder_facts(info))


def show_facts(named: dict[str, str]) -> None:
    """Show names with their values, side by side where there is room."""
    with st.grid(columns=4, min_column_width=220) as grid:
        for name, fact in named.items():
            with grid.cell(), st.container(gap=None):
                st.caption(name)
                st.text(fact)


def moment(text: str) -> str:
    """A moment in UTC as people write it, from ISO 8601; any other text as it is."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return plain(text)


def encoder_facts(info: IndexInfo) -> dict[str, str]:
    """The facts of the encoder card, as name and text."""
    facts = {"Name": plain(info.encoder)}
    entry = next((each for each in available() if each.name == info.encoder), None)
    if entry is not None:
        facts |= {"Job": plain(entry.job), "Licence": plain(entry.licence)}
        facts["Weights"] = megabytes(entry.size) if entry.size else "none"
        if entry.pictures_per_second is not None:
            facts["Speed"] = f"{entry.pictures_per_second:,.0f} pictures per second on two cores, when it was measured"
        if entry.recall_at_1 is not None:
            facts["R@1"] = f"{entry.recall_at_1:.3f}, the mean over the collections that it was measured with"
    if info.precision is not None:
        facts["Precision"] = plain(info.precision)
    return {**facts, "Dimension": f"{info.dim}", "Fingerprint": plain(info.fingerprint)}


def show_structure(info: IndexInfo) -> None:
    """A row for each segment, and why its kind was chosen."""
    st.header("Structure", anchor=False)
    if not info.images:
        st.text("The index holds no pictures. Add some, or sync it with a folder.")
    if not info.segments:
        return
    st.dataframe([structure_row(segment) for segment in info.segments], hide_index=True)
    for segment in info.segments:
        if segment.tuning is not None and segment.tuning.reason:
            st.caption(f"Segment {segment.id}: why this kind")
            st.text(plain(segment.tuning.reason))


def structure_row(segment: SegmentInfo) -> dict[str, str]:
    """A segment with its recall, the interval of that, and its measured costs."""
    tuning = segment.tuning
    measured = None if tuning is None else tuning.recall
    recall, interval = "exact", "–"
    if segment.recall is not None:
        recall = f"{segment.recall:.3f}"
        if measured is not None and measured.probes:
            interval = f"{measured.low:.3f} to {measured.high:.3f}, {measured.probes} queries"
        else:
            interval = "not measured"
    return {
        "Segment": f"{segment.id}",
        "Kind": plain(segment.kind),
        "Pictures": f"{segment.live:,}" + (f" of {segment.rows:,} rows" if segment.live != segment.rows else ""),
        "Recall@10": recall,
        "95 % interval": interval,
        "Per query": "–" if tuning is None or tuning.query_ms is None else f"{tuning.query_ms:.2f} ms",
        "Memory": "–" if tuning is None or tuning.memory is None else megabytes(tuning.memory),
    }


def show_calibration(opened: SharedIndex) -> None:
    """The threshold and its error rates, with what is weak about them."""
    info = opened.info
    st.header("Calibration", anchor=False)
    if info.calibration is None:
        st.text("Not calibrated: distances have no probability, and no threshold says which pictures show the same.")
        show_command(opened, f"twinlens calibrate {shlex.quote(plain(info.path))}")
        return
    show_facts(calibration_facts(info.calibration))
    for caution in info.calibration["cautions"]:
        with st.container(border=True):
            st.text(f"Caution: {plain(caution)}")


def calibration_facts(calibration: dict[str, Any]) -> dict[str, str]:
    """The figures of a calibration, as name and text."""
    rates = {"far": "False accept rate", "frr": "False reject rate", "eer": "Equal error rate"}
    return {
        "Threshold": f"{calibration['threshold']:.4f}, chosen by {plain(calibration['rule'])}",
        **{name: str(ErrorRate.from_dict(calibration[key])) for key, name in rates.items()},
        "Data": f"{plain(calibration['data'])}: {counted(calibration['same_pairs'], 'pair')} of the same, "
        f"{counted(calibration['different_pairs'], 'pair')} of different things, of "
        f"{counted(calibration['subjects'], 'subject')}",
        "Calibrated": moment(calibration["created"]),
    }
