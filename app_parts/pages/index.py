"""Index: what the index holds, how it answers, how sure it is, and what can be done with it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.arguments import arguments
from app_parts.frame import framed
from app_parts.managing.about import moment, show_calibration, show_encoder, show_facts, show_structure
from app_parts.managing.forms import show_changes, show_how_to_enable
from app_parts.managing.progress_panel import show_job
from app_parts.remedies import show_command
from app_parts.tiles import plain
from search.text import counted, megabytes

if TYPE_CHECKING:
    from app_parts.address import Address
    from app_parts.service_index import ServiceIndex
    from app_parts.shared_index import SharedIndex
    from search import IndexInfo


def show(opened: SharedIndex, address: Address) -> None:
    """Show the properties of the index, and the forms that change it."""
    del address
    info = opened.info
    st.title("The index", anchor=False)
    st.markdown("What can be searched here, how well that works, and how to change it.")
    if opened.service is None:
        show_job(str(info.path))
    st.header("What it holds", anchor=False)
    show_facts((service_facts(opened.service) if opened.service else {}) | facts(info))
    show_encoder(info)
    show_structure(info)
    show_calibration(opened)
    if opened.service is not None:
        show_how_to_change(opened)
    elif arguments().manage:
        show_changes(str(info.path))
    else:
        show_how_to_enable(str(info.path))


def service_facts(service: ServiceIndex) -> dict[str, str]:
    """Where an index of a service is, as name and text."""
    return {"Service": plain(service.url)} | ({} if service.name is None else {"Name": plain(service.name)})


def show_how_to_change(opened: SharedIndex) -> None:
    """Say how an index of a service is changed."""
    st.header("Change the index", anchor=False)
    st.markdown("This app only reads an index of a service. Change it with the commands, such as:")
    show_command(opened, f"twinlens sync PICTURES --index {shlex.quote(plain(opened.info.path))}")


def facts(info: IndexInfo) -> dict[str, str]:
    """The properties of an index, as name and text."""
    recalls = [segment.recall for segment in info.segments if segment.recall is not None]
    return {
        "Folder": plain(info.path),
        "Pictures": f"{info.images:,}" + (f" with {counted(info.labels, 'label')}" if info.labels else ""),
        "Structure": f"{info.kind}, {counted(len(info.segments), 'segment')}",
        "Recall@10": f"{min(recalls):.3f}, measured on this collection" if recalls else "exact search",
        "Threshold": (
            f"distance {info.calibration['threshold']:.4f} or less, calibrated on {plain(info.calibration['data'])}"
            if info.calibration
            else "not calibrated"
        ),
        "Size": megabytes(info.size),
        "Last changed": moment(info.updated),
    }


if __name__ == "__main__":
    framed("index", show)
