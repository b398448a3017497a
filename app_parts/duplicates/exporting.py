"""The decisions as files, in the formats of `twinlens duplicates`."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.duplicates.decisions import final_choices
from app_parts.tiles import plain
from indexer.duplicates.files import write_csv, write_json
from indexer.duplicates.keep import list_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app_parts.duplicates.background import Found

FORMATS = {
    "List of paths": ("drop.txt", "text/plain", "One path per line. Names with a line break are left out."),
    "List for xargs -0": ("drop", "application/octet-stream", "Each path ends with a NUL byte: safe for any name."),
    "CSV": ("duplicates.csv", "text/csv", "One row per file, with its group and decision."),
    "JSON": ("duplicates.json", "application/json", "The groups with all figures and decisions."),
}
"""Name on the page -> file name, type, description."""


def exported(found: Found, own: Mapping[int, bool], name: str) -> bytes:
    """The decisions in one of the `FORMATS`; files that changed since the search are not dropped."""
    choices = final_choices(found, own)
    if name.startswith("List"):
        return list_bytes(choices, null=name.endswith("-0"))[0]
    stream = io.BytesIO()
    (write_csv if name == "CSV" else write_json)(found.report, choices, stream)
    return stream.getvalue()


def offer_exports(found: Found, own: Mapping[int, bool]) -> None:
    """Let the visitor download the decisions."""
    with st.popover("Export", icon=":material/download:"):
        st.markdown("Nothing is deleted here. Use the list of files to drop with a command of your own:")
        st.code("xargs -0 -a drop mv -t away --backup=numbered --", language="bash")
        kept = dict(own)
        for name, (file, mime, about) in FORMATS.items():
            st.download_button(
                name,
                data=partial(exported, found, kept, name),
                file_name=file,
                mime=mime,
                help=about,
                key=f"export-{name}",
                on_click="ignore",
                width="stretch",
            )
        lost = list_bytes(final_choices(found, own), null=False)[1]
        for member in lost[:5]:
            st.caption("The list of paths leaves out a name with a line break:")
            st.text(plain(member.path))
