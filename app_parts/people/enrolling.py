"""Enroll identities and remove them, if the app was started with `--manage`."""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.arguments import arguments
from app_parts.people.picture_input import offer_picture
from app_parts.remedies import show_command
from app_parts.tiles import literal, plain
from indexer import EnrollConfig, enroll, unenroll
from search import TwinlensError
from search.files.writing import write_file

if TYPE_CHECKING:
    from app_parts.shared_index import SharedIndex
    from indexer import EnrollReport

_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 80


def show_enroll(opened: SharedIndex) -> None:
    """Let the visitor enroll a name with a picture, or explain how to."""
    if not arguments().manage:
        here = "" if opened.service else "To enroll here, start it with `--manage`, or use the command line:"
        st.markdown(f"This app only reads the index. {here or 'Enroll on the command line:'}")
        folder = shlex.quote(plain(opened.info.path))
        show_command(opened, f'twinlens enroll "Ada Lovelace" ada.jpg --index {folder}')
        return
    st.markdown(
        "One picture is enough, and nothing is trained. Of an uploaded picture the index stores the embedding, not the "
        "picture. Ask people before you enroll them."
    )
    name = st.text_input("Name", key="enroll-name", placeholder="Ada Lovelace")
    upload = offer_picture("Reference picture", "enroll")
    picture = st.number_input(
        "Or the number of a picture of the collection", value=None, min_value=1, step=1, key="enroll-picture"
    )
    more = st.toggle("Add to a name that is enrolled already", key="enroll-add")
    force = st.toggle("Accept a poor picture, or one that is enrolled under another name", key="enroll-force")
    if not st.button("Enroll", disabled=not name or (upload is None and picture is None)):
        return
    try:
        source = opened.engine.picture(picture or 0).path if upload is None else (upload.name, upload.getvalue())
    except TwinlensError as error:
        st.error(literal(error))
        return
    enroll_and_report(Path(opened.info.path), name, source, EnrollConfig(add=more, force=force))


def enroll_and_report(index: Path, name: str, picture: Path | tuple[str, bytes], config: EnrollConfig) -> None:
    """Enroll a file, or the name and the content of an upload, and draw the page again with the new snapshot."""
    try:
        with st.spinner("Enrolling …"):
            if isinstance(picture, Path):
                report = enroll(index, name, [picture], config)
            else:
                report = enroll_upload(index, name, *picture, config)
    except TwinlensError as error:
        st.error(literal(error))
        return
    st.session_state["enrolled"] = report
    st.rerun()


def enroll_upload(index: Path, name: str, file_name: str, data: bytes, config: EnrollConfig) -> EnrollReport:
    """Enroll a picture of the visitor, which is written only for the time that this takes; raises as `enroll`."""
    with tempfile.TemporaryDirectory(prefix="twinlens-") as folder:
        path = Path(folder) / (_NOT_IN_NAMES.sub("_", file_name)[-_LONGEST_NAME:].lstrip(".") or "picture")
        write_file(path, data)
        return enroll(index, name, [path], config)


def show_report() -> None:
    """Show what was enrolled by the last click, and which identities resemble it."""
    report: EnrollReport | None = st.session_state.pop("enrolled", None)
    if report is not None:
        pictures = "1 reference picture" if report.templates == 1 else f"{report.templates} reference pictures"
        st.success(f"Enrolled {literal(report.name)}, with {pictures}.")
        for warning in report.warnings:
            st.warning(literal(warning))


def offer_removal(opened: SharedIndex, name: str) -> None:
    """Let the visitor remove a name, after one more click; only with `--manage`."""
    if not arguments().manage:
        return
    with st.popover("Remove", key=f"remove-{name!a}"):
        st.markdown("The index forgets the name and its reference pictures. The picture files stay.")
        st.button("Remove for good", key=f"unenroll-{name!a}", on_click=_remove, args=(opened.info.path, name))


def _remove(index: Path, name: str) -> None:
    try:
        unenroll(index, [name])
    except TwinlensError as error:
        st.session_state["people_problem"] = str(error)
