"""What the visitor can choose: how many neighbours, among which pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from app_parts.address import Address, choose, offer
from app_parts.asking import Wanted
from app_parts.tiles import literal, plain
from search import TwinlensError
from search.config import QueryConfig
from search.filters.columns import BUILT_IN
from search.filters.language import all_of, condition_of, parse_where
from search.query.copy_threshold import copy_threshold
from search.text import printable

if TYPE_CHECKING:
    from app_parts.asking import Opened
    from search import IndexInfo
    from search.query.query import Where

MOST_RESULTS = 50
SHOWN_COLUMNS = 30


def pick_label(title: str, opened: Opened, label: str, *, key: str, **options: Any) -> None:
    """Let the visitor choose another label; "" stands for all pictures. Nothing where none has a label."""
    labels = {"": opened.info.images} | opened.labels  # "", as a None among the options could be cleared to nothing

    def shown(label: str) -> str:
        return f"{plain(label) or 'All pictures'} ({labels[label]:,})"

    if len(labels) > 1:
        offer("label", label, "", key=key, text=shown(label))
        st.selectbox(title, labels, format_func=shown, key=key, on_change=choose, **options)


def show_settings(opened: Opened, address: Address, label: str) -> Wanted | None:
    """Let the visitor choose how many neighbours, among which pictures, and whether they must show the same thing.

    None where the filter is invalid.
    """
    most = max(2, min(MOST_RESULTS, opened.info.images))
    default = min(QueryConfig.k, most)
    k = address.number("k", 1, most, default)
    offer("k", k, default)
    st.slider("Number of results", 1, most, key="k", on_change=choose)
    pick_label("Only pictures labelled", opened, label, key="label")
    where = ask_filter(opened, label, address)
    same_only = QueryConfig.same_only
    if opened.info.calibration is not None:
        same_only = ask_switch("Same only", "same", same_only, address, threshold_text(opened.info))
    elif address.switch("same", same_only):
        address.complain("same", "in the address needs an index that `twinlens calibrate` has seen: it is left out")
    distance = copy_threshold(opened.engine.calibration).distance
    hint = f"Show pictures at distance {distance:.4f} or less from each other once."
    collapse = ask_switch("Collapse copies", "collapse", QueryConfig.collapse, address, hint)
    return None if where is None else Wanted(k, {"where": where, "same_only": same_only, "collapse": collapse})


def ask_switch(title: str, name: str, default: bool, address: Address, hint: str) -> bool:
    """Let the visitor turn something on or off."""
    offer(name, address.switch(name, default), default)
    return st.toggle(title, key=name, on_change=choose, help=hint)


def ask_filter(opened: Opened, label: str, address: Address) -> Where | None:
    """Let the visitor filter by a label and by words; None where the words cannot be read."""
    offer("where", address.values.get("where", ""), "")
    text = st.text_input(
        "Only pictures where",
        key="where",
        on_change=choose,
        placeholder="taken >= 2024-01-01",
        help=filter_help(opened),
    ).strip()
    try:
        parts = [condition_of({"label": label}) if label else None, parse_where(text) if text else None]
        where: Where = all_of([part for part in parts if part is not None]) or {}
        opened.ids(where)
    except TwinlensError as error:
        details = printable(str(error).removeprefix("cannot use the filter: "))
        address.complain("where", "is not a filter, and nothing was searched", details)
        return None
    return where


def filter_help(opened: Opened) -> str:
    """Which columns there are."""
    names = ", ".join(literal(name) for name in [*BUILT_IN, *opened.engine.columns()][:SHOWN_COLUMNS])
    return (
        "For example `width > 1000 and not label in (cat, dog)`; also `glob 'Canon*'`, `between … and …`, `is null`. "
        f"Columns: {names}"
    )


def threshold_text(info: IndexInfo) -> str:
    """What counts as the same, and how often that is wrong."""
    found = info.calibration or {}
    return (
        f"Only pictures at distance {found['threshold']:.4f} or less. Of different pairs {found['far']['value']:.1%} "
        f"are nearer than that, of same pairs {found['frr']['value']:.1%} are not."
    )
