"""The running or last job of an index, live in every session, and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from app_parts.arguments import arguments
from app_parts.server_jobs import jobs
from app_parts.tiles import literal, plain
from indexer.jobs.view import duration, progress_text
from search import TwinlensError
from search.text import counted

if TYPE_CHECKING:
    from indexer.jobs.view import JobView

TITLES = {"build": "Build", "add": "Add", "sync": "Sync", "rebuild": "Rebuild", "check": "Check"}
LIVE_SECONDS, IDLE_SECONDS = 1.0, 5.0
"""Seconds between two looks at the jobs, while one is running and otherwise."""
PER_PAGE = 50
"""Skipped files on a page of the report."""
_COUNTS = ("added", "changed", "moved", "removed", "relabelled", "unchanged", "kept")


def show_job(index: str) -> None:
    """Show the job of an index, if it has one; the panel finds one that another session starts."""
    view = _view(index)
    live = view is not None and view.running
    st.fragment(_panel, run_every=LIVE_SECONDS if live else IDLE_SECONDS)(index, _token(view))


def _view(index: str) -> JobView | None:
    job = jobs().last(index)
    return None if job is None else job.view


def _token(view: JobView | None) -> tuple[int, str]:
    """Changes when the rest of the page must be drawn again."""
    return (0, "") if view is None else (view.number, view.status)


def _panel(index: str, drawn: tuple[int, str]) -> None:
    view = _view(index)
    if _token(view) != drawn:
        st.rerun()
    if view is None:
        return
    with st.container(border=True, key="job"):
        st.header(TITLES[view.request.verb], anchor=False)
        if view.request.pictures:
            st.text(plain(view.request.pictures))
        if view.running:
            _show_running(view)
        elif view.status == "done":
            st.caption(f"done in {duration(view.seconds)}")
            show_report(view.report or {})
        elif view.status == "failed":
            st.error(literal(view.error))
        else:
            st.warning(f"Stopped: {progress_text(view)}. The index answers as before.")
        if view.resumable and arguments().manage and st.button("Continue", icon=":material/play_arrow:", key="resume"):
            resume(view)


def _show_running(view: JobView) -> None:
    st.progress(view.share or 0.0, text=progress_text(view))
    stopping = view.status == "stopping"
    if stopping:
        st.caption("Stopping …")
    if arguments().manage and st.button("Stop", icon=":material/stop:", key="stop", disabled=stopping):
        job = jobs().last(view.request.index)
        if job is not None:
            job.stop()
        st.rerun()


def resume(view: JobView) -> None:
    """Start the same job again, which continues an interrupted build."""
    try:
        jobs().start(view.request)
    except TwinlensError as error:
        st.error(literal(error))
    else:
        st.rerun()


def show_report(report: dict[str, Any]) -> None:
    """Show what a job did, with the files that it skipped."""
    if "whole" in report:
        _show_check(report)
        return
    summary = ", ".join(f"{report[name]:,} {name}" for name in _COUNTS if report.get(name)) or "nothing to do"
    st.text(f"{counted(int(report.get('images', 0)), 'picture')} in the index: {summary}")
    for note in report.get("notes", []):
        st.text(plain(note))
    for each in report.get("missing", []):
        st.text(
            f"kept {counted(each['pictures'], 'picture')} of {plain(each['folder'])}, which {plain(each['reason'])}"
        )
    if report.get("not_read"):
        kinds = ", ".join(f"{count:,} {suffix or 'without a suffix'}" for suffix, count in report["not_read"].items())
        st.text(f"Not read, other kinds of files: {plain(kinds)}")
    _show_files("skipped", [(each["path"], each["reason"]) for each in report.get("skipped", [])])
    _show_files("read with a note", [(each["path"], each["note"]) for each in report.get("noted", [])])


def _show_check(report: dict[str, Any]) -> None:
    if report["whole"]:
        st.success("OK, no damage found")
    else:
        st.error("Damaged: `twinlens check --repair` repairs what can be repaired.")
    findings = [f"{each['file']}: {each['problem']}" for each in report["findings"]]
    for line in [*findings, *(f"note: {note}" for note in report["notes"])]:
        st.text(plain(line))


def _show_files(word: str, files: list[tuple[str, str]]) -> None:
    """List files with reasons, a page at a time, as they are written."""
    if not files:
        return
    pages = -(-len(files) // PER_PAGE)
    with st.expander(f"{counted(len(files), 'file')} {word}"):
        page = st.pagination(pages, key=f"{word}-page") if pages > 1 else 1
        shown = files[(page - 1) * PER_PAGE : page * PER_PAGE]
        st.code("\n".join(f"{plain(path)}: {plain(reason)}" for path, reason in shown), language=None, wrap_lines=True)
