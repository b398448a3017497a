"""Index: what the index holds, how it answers, how sure it is, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.arguments import arguments
from app_parts.frame import framed
from app_parts.managing.about import show_calibration, show_encoder, show_structure
from app_parts.managing.forms import show_changes, show_how_to_enable
from app_parts.managing.progress_panel import show_job
from app_parts.tiles import plain
from search.text import counted, megabytes

if TYPE_CHECKING:
    from app_parts.address import Address
    from app_parts.shared_index import SharedIndex
    from search import IndexInfo


def show(opened: SharedIndex, address: Address) -> None:
    """Show the properties of the index, and the forms that change it."""
    del address
    info = opened.info
    st.title("The index", anchor=False)
    show_job(str(info.path))
    left, right = st.columns(2, gap="large")
    with left:
        st.header("What it holds", anchor=False)
        show_facts(facts(info))
    with right:
        show_encoder(info)
    show_structure(info)
    show_calibration(info)
    if arguments().manage:
        show_changes(str(info.path))
    else:
        show_how_to_enable(str(info.path))


def show_facts(named: dict[str, str]) -> None:
    """Show names with their values."""
    for name, fact in named.items():
        with st.container(gap=None):
            st.caption(name)
            st.text(fact)


def facts(info: IndexInfo) -> dict[str, str]:
    """The properties of an index, as name and text."""
    recalls = [segment.recall for segment in info.segments if segment.recall is not None]
    return {
        "Folder": plain(info.path),
        "Pictures": f"{info.images:,}" + (f" with {counted(info.labels, 'label')}" if info.labels else ""),
        "Encoder": f"{plain(info.encoder)}, {info.dim} dimensions",
        "Structure": f"{info.kind}, {counted(len(info.segments), 'segment')}",
        "Recall@10": f"{min(recalls):.3f}, measured on this collection" if recalls else "exact search",
        "Threshold": (
            f"distance {info.calibration['threshold']:.4f} or less, calibrated on {plain(info.calibration['data'])}"
            if info.calibration
            else "not calibrated"
        ),
        "Size": megabytes(info.size),
        "Last changed": info.updated,
    }


if __name__ == "__main__":
    framed("index", show)
