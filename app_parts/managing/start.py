"""The page of an app without an index: try the sample, make an index, or the commands that do."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app_parts.arguments import arguments
from app_parts.managing.chosen_index import chosen, index_folder
from app_parts.managing.forms import show_creation, show_how_to_enable
from app_parts.managing.progress_panel import show_job
from app_parts.server_jobs import jobs
from app_parts.tiles import literal
from indexer.jobs.request import JobRequest
from search import TwinlensError

DATA = Path(__file__).resolve().parents[2] / "data"
"""The sample collection and its index, which only a checkout has."""


def show_start(problem: str) -> None:
    """Explain what is missing, and offer every way to an index."""
    st.title("No index to search yet", anchor=False)
    folder = index_folder()
    job = None if folder is None else jobs().last(folder)
    if folder is not None and job is not None and job.view.running:
        st.info("The index is being made. This page shows it as soon as it can be searched.")
        show_job(folder)
        return
    st.error(problem)
    if folder is not None:
        show_job(folder)
    _show_sample()
    if arguments().manage:
        st.header("Make an index of your pictures", anchor=False)
        show_creation(arguments().index)
    _show_commands()
    if not arguments().manage:
        show_how_to_enable(arguments().index)


def _show_sample() -> None:
    st.header("Try the sample collection", anchor=False)
    if not (DATA / "sample").is_dir():
        st.markdown("It is part of a checkout of the repository: run `twinlens demo` there.")
        return
    st.markdown("445 drawn pictures of 89 things, in this checkout. Their index is made in a minute or less.")
    if st.button("Index the sample", icon=":material/image_search:", key="sample"):
        request = JobRequest("build", str(DATA / "sample.index"), str(DATA / "sample"))
        try:
            jobs().start(request)
        except TwinlensError as error:
            st.error(literal(error))
            return
        chosen().index = request.index
        st.rerun()


def _show_commands() -> None:
    st.header("On the command line", anchor=False)
    st.markdown("Build an index of a folder of pictures, then start the app with it:")
    st.code(
        "twinlens build PICTURES --index photos.index\ntwinlens app --index photos.index",
        language=None,
        wrap_lines=True,
    )
    st.markdown("Or try the sample collection: `twinlens demo`.")
