"""The log of `twinlens attend`: who was there and when, and who was not known."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.arguments import arguments
from app_parts.people.enrolling import enroll_and_report
from app_parts.people.identifying import chosen_options, show_answer
from app_parts.tiles import file_tile, literal, plain, short, show_tile, start_tiles
from indexer import EnrollConfig
from indexer.people.attendance import UNKNOWN, VISITS, unknown_log
from indexer.people.csv_log import read_rows
from search import TwinlensError
from search.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app_parts.shared_index import SharedIndex

SHOWN = 24
"""Number of unknown pictures that are shown, the newest ones."""
MOST_ROWS = 500


def show_visits() -> None:
    """Show the newest visits, or how to log them."""
    rows = _rows(VISITS, unknown=False)
    if rows is None:
        return
    if not rows:
        st.info("The log has no visit yet.")
        return
    seen = Counter(row["name"] for row in rows)
    st.markdown(f"{counted(len(rows), 'visit')} of {counted(len(seen), 'name')}, the newest first.")
    newest = rows[-MOST_ROWS:][::-1]
    st.dataframe(
        {
            "time (UTC)": [plain(row["time"]) for row in newest],
            "name": [plain(row["name"]) for row in newest],
            "distance": [plain(row["distance"]) for row in newest],
            "probability": [plain(row["probability"]) for row in newest],
            "picture": [plain(Path(row["picture"]).name) for row in newest],
        },
        hide_index=True,
    )
    if len(rows) > MOST_ROWS:
        st.caption(f"{len(rows) - MOST_ROWS:,} earlier visits are in the file.")


def show_unknown(opened: SharedIndex) -> None:
    """Show the newest pictures of strangers, and those that could not be used; with `--manage` they can be enrolled.

    *Identify* shows each face of a picture by itself, and who it is by now.
    """
    rows = _rows(UNKNOWN, unknown=True)
    if rows is None:
        return
    if not rows:
        st.info("No unknown picture is in the log.")
        return
    st.markdown(f"{counted(len(rows), 'sighting')}, the newest first.")
    newest = rows[-SHOWN:][::-1]
    paths = [Path(row["picture"]) for row in newest]
    start_tiles(paths)
    answer = st.container()
    with st.grid(columns=6, min_column_width=120) as grid:
        for number, (row, path) in enumerate(zip(newest, paths, strict=True)):
            with grid.cell(), st.container(gap="xxsmall"):
                show_tile(file_tile(path), path, "Unknown")
                st.text(short(row["time"]))
                st.caption(literal(row["reason"]))
                if row["nearest"]:
                    st.caption(f"nearest: {literal(row['nearest'])}, {literal(row['distance'])}")
                if not path.exists():
                    continue
                if st.button("Identify", key=f"stranger-identify-{number}"):
                    st.session_state["stranger"] = path
                if arguments().manage:
                    with st.popover("Enroll", key=f"stranger-{number}"):
                        name = st.text_input("Name", key=f"stranger-name-{number}", placeholder="Ada Lovelace")
                        if st.button("Enroll", key=f"stranger-enroll-{number}", disabled=not name):
                            enroll_and_report(Path(opened.info.path), name, path, EnrollConfig())
    chosen = st.session_state.get("stranger")
    if chosen in paths:
        with answer:
            show_answer(opened, chosen, chosen_options(), "stranger-face")


def _rows(columns: Sequence[str], *, unknown: bool) -> list[dict[str, str]] | None:
    """The rows of a log; None, with the reason on the page, if there is none."""
    log = arguments().log
    if log is None:
        st.markdown("Log who passes a camera, and start the app with the log:")
        st.code(
            "twinlens attend CAMERA-FOLDER --index people.index --log visits.csv\n"
            "twinlens app --index people.index --log visits.csv",
            language="bash",
        )
        return None
    file = unknown_log(Path(log)) if unknown else Path(log)
    try:
        return read_rows(file, tuple(columns))
    except TwinlensError as error:
        st.error(literal(error))
        return None
