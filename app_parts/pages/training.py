"""Training: the curves and galleries of runs, finished or running."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change, offer
from app_parts.arguments import arguments
from app_parts.frame import framed_alone
from app_parts.tiles import literal, plain
from app_parts.training.charts import AXES, METRICS, show_curves
from indexer.training.run_records import FIGURES, find_runs, read_figure
from search import PictureError
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from app_parts.address import Address
    from indexer.training.run_records import RunRecord

REFRESH_SECONDS = 5
"""Seconds between two looks at runs that are still being written."""
COMPARED = 12
"""Number of runs in one chart."""


def show(address: Address) -> None:
    """Show the runs of the folder that the app was started with."""
    st.title("Training runs", anchor=False)
    st.markdown("How well does an encoder learn? The curves of runs, finished or running, side by side.")
    folder = arguments().runs
    if folder is None:
        st.info("Start the app with a folder of training runs to see their curves:")
        st.code(
            "twinlens train PICTURES --out runs/first\ntwinlens app --index photos.index --runs runs", language="bash"
        )
        return
    runs = find_runs(Path(folder))
    if not runs:
        st.info("There is no training run in this folder yet. Start one:")
        st.code("twinlens train PICTURES --out runs/first", language="bash")
        st.text(plain(folder))
        return
    names = [plain(run.name) for run in runs]
    chosen = choose_runs(address, runs, names)
    metric, axis = choose_chart(address, chosen)
    if chosen:
        show_curves(chosen, metric, axis)
        show_table(chosen)
        show_run(chosen)
    else:
        st.info("Choose one or more runs.")
    if any(run.state == "running" for run in runs):
        st.session_state["training_drawn"] = False
        look_again()


def choose_runs(address: Address, runs: list[RunRecord], names: list[str]) -> list[RunRecord]:
    """Let the visitor choose runs; at first the one that changed last."""
    by_name = dict(zip(names, runs, strict=True))
    newest = max(runs, key=lambda run: (run.state == "running", run.history[-1].minutes if run.history else 0.0))
    default = [plain(newest.name)]
    asked = read_names(address.values["runs"]) if "runs" in address.values else default
    known = [each for each in asked if each in by_name][:COMPARED]
    if asked != known:
        address.complain("runs", "in the address names runs that are not in this folder, which are left out")
    offer("runs", known, default)
    st.pills("Runs", names, selection_mode="multi", key="runs", on_change=change, format_func=literal)
    return [by_name[each] for each in known]


def read_names(text: str) -> list[str]:
    """The names of runs in an address, a JSON list; empty if it is none."""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return [text]
    return [str(each) for each in names] if isinstance(names, list) else [text]


def choose_chart(address: Address, runs: list[RunRecord]) -> tuple[str, str]:
    """Let the visitor choose what is drawn over what."""
    measured = [name for name in METRICS if any(getattr(row, name) is not None for run in runs for row in run.history)]
    default = measured[0] if measured else "loss"
    metric = chosen_of(address, "metric", METRICS, default)
    axis = chosen_of(address, "over", AXES, "step")
    with st.container(horizontal=True):
        offer("metric", metric, default)
        st.selectbox("Show", list(METRICS), key="metric", on_change=change, format_func=METRICS.__getitem__)
        offer("over", axis, "step")
        st.selectbox("Over", list(AXES), key="over", on_change=change, format_func=AXES.__getitem__, width=160)
    return metric, axis


def chosen_of(address: Address, name: str, options: dict[str, str], default: str) -> str:
    """One of some options, by its name in the address."""
    value = address.values.get(name, default)
    if value in options:
        return value
    address.complain(name, f"in the address is not one of {', '.join(options)}: {default} is used")
    return default


def show_table(runs: list[RunRecord]) -> None:
    """The state and the last figures of each run."""
    last = [run.history[-1] if run.history else None for run in runs]
    st.dataframe(
        {
            "run": [plain(run.name) for run in runs],
            "state": [run.state for run in runs],
            "step": [row.step if row else None for row in last],
            "minutes": [round(row.minutes, 1) if row else None for row in last],
            "loss": [row.loss if row else None for row in last],
            "R@1": [row.recall_at_1 if row else None for row in last],
            "mAP@R": [row.map_at_r if row else None for row in last],
        },
        hide_index=True,
    )
    for run in runs:
        for problem in run.problems:
            st.warning(literal(problem))


def show_run(runs: list[RunRecord]) -> None:
    """The galleries and settings of each run."""
    for run in runs:
        with st.expander(f"Galleries of {literal(run.name)}", expanded=len(runs) == 1):
            if run.history:
                last = run.history[-1]
                st.text(f"{run.state}, step {last.step:,} after {last.minutes:,.1f} minutes")
            else:
                st.caption("No evaluation yet: the first row of the history comes after `evaluate_every` steps.")
            drawn = 0
            for name in FIGURES:
                data = read_figure(run.folder, name)
                if data is not None:
                    drawn += show_figure(data, f"{name.removesuffix('.png').capitalize()} of {plain(run.name)}")
            if not drawn:
                st.caption(
                    "The galleries are drawn when the run ends."
                    if run.state != "finished"
                    else "This run has no report."
                )
        if run.config:
            with st.expander(f"Settings of {literal(run.name)}"):
                st.code(plain_settings(run), language=None, wrap_lines=True)


def plain_settings(run: RunRecord) -> str:
    """The settings of a run as JSON."""
    return json.dumps(run.config, indent=1)


def show_figure(data: bytes, alt: str) -> bool:
    """Show a figure of a report; false, with a message, if it is half-written or damaged."""
    try:
        load_picture(data)
    except PictureError as error:
        st.warning(literal(f"{alt}: {error.reason}"))
        return False
    st.image(data, width="stretch", alt=alt)
    return True


@st.fragment(run_every=REFRESH_SECONDS)
def look_again() -> None:
    """Draw the page again while a run is being written; the first call is part of that drawing."""
    if st.session_state["training_drawn"]:
        st.rerun()
    st.session_state["training_drawn"] = True


if __name__ == "__main__":
    framed_alone("training", show)
