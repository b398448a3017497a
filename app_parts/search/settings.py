"""The settings in the sidebar: how many neighbours, among which pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from app_parts.address import Address, choose, offer
from app_parts.map.area import among, show_area
from app_parts.search.filters import column_filters, quoted
from app_parts.search.searching import SearchSettings, shows_views
from app_parts.tiles import literal, plain
from search import TwinlensError
from search.config import QueryConfig
from search.distance import FARTHEST
from search.filters.columns import BUILT_IN
from search.filters.conditions import HasId
from search.filters.language import LONGEST, all_of, parse_where
from search.query.copy_threshold import copy_threshold
from search.text import printable

if TYPE_CHECKING:
    from app_parts.search.question import Question
    from app_parts.shared_index import SharedIndex
    from search import IndexInfo
    from search.query.query import SearchOptions

MOST_RESULTS = 50
SHOWN_COLUMNS = 30


def pick_label(title: str, opened: SharedIndex, label: str, *, key: str, **options: Any) -> None:
    """Let the visitor choose a label; "" means all pictures. Nothing is shown if no picture has a label."""
    labels = {"": opened.info.images} | opened.labels  # "" because the visitor could clear the widget if it were None

    def shown(label: str) -> str:
        return f"{plain(label) or 'All pictures'} ({labels[label]:,})"

    if len(labels) > 1:
        offer("label", label, "", key=key, text=shown(label))
        st.selectbox(title, labels, format_func=shown, key=key, on_change=choose, **options)


def show_settings(opened: SharedIndex, address: Address, label: str, question: Question) -> SearchSettings | None:
    """Let the visitor choose how many neighbours, among which pictures, and whether they must show the same thing.

    Returns None if the filter is invalid.
    """
    most = max(2, min(MOST_RESULTS, opened.info.images))
    default = min(QueryConfig.k, most)
    k = address.number("k", 1, most, default)
    offer("k", k, default)
    st.slider("Number of results", 1, most, key="k", on_change=choose)
    where = choose_filter(opened, address, label)
    area = show_area(opened, address)
    same_only = show_same_only(opened, address, question)
    distance = copy_threshold(opened.calibration, opened.cut_points).distance
    hint = f"Merge results at distance {distance:.4f} or less from each other into one."
    collapse = switch("Collapse copies", "collapse", QueryConfig.collapse, address, hint)
    radius, diversity, views = show_ranking(address)
    if where is None:
        return None
    conditions = [parse_where(each) for each in where]
    text, listed = joined(where), tuple(area or ())
    if area is not None:
        complete = joined([*where, among(area)])
        conditions.append(HasId(tuple(area)))
        if len(complete) <= LONGEST:
            text, listed = complete, ()
        elif opened.service is not None:
            address.complain("area", "has too many pictures for a filter of a service: all pictures are searched")
            listed = ()
    options: SearchOptions = {
        "where": (all_of(conditions) if opened.service is None else text) or {},  # a service takes a text
        "same_only": same_only,
        "collapse": collapse,
        "radius": None if radius == FARTHEST else radius,
        "diversity": diversity,
    }
    chosen = SearchSettings(k, text, options, views, listed)
    if same_only and shows_views(question, chosen):
        st.caption("*Only the same thing* is not applied: it compares single pictures, and this search averages views.")
        options["same_only"] = False
    return chosen


def joined(conditions: list[str]) -> str:
    """Conditions as one filter."""
    return " and ".join(conditions if len(conditions) == 1 else [f"({each})" for each in conditions])


def choose_filter(opened: SharedIndex, address: Address, label: str) -> list[str] | None:
    """Let the visitor choose a label, values of the columns and an expression; return conditions, None if invalid."""
    pick_label("Only pictures labelled", opened, label, key="label")
    parts = [f"label = {quoted(label)}"] if label else []
    return filter_input(opened, [*parts, *column_filters(opened, address)], address)


def show_ranking(address: Address) -> tuple[float, float, bool]:
    """Let the visitor choose the greatest distance, the diversity, and whether views are averaged."""
    used = bool({"radius", "diversity", "views"} & address.values.keys())
    with st.expander("More options", icon=":material/more_horiz:", expanded=used):
        radius = slider("Greatest distance", "radius", FARTHEST, FARTHEST, address, "2 is no limit.")
        hint = "Choose neighbours that are unlike one another: 0 shows the nearest."
        diversity = slider("Diversity", "diversity", 1.0, QueryConfig.diversity, address, hint)
        hint = "Search with the mean of four views of an uploaded picture: itself, its middle, and both mirrored."
        views = switch("Average views", "views", QueryConfig.views, address, hint)
    return radius, diversity, views


def show_same_only(opened: SharedIndex, address: Address, question: Question) -> bool:
    """Let the visitor restrict the hits to those that show the same thing, where this is known."""
    same_only = QueryConfig.same_only
    if opened.info.calibration is None:
        if address.switch("same", same_only):
            address.complain(
                "same", "in the address needs a calibrated index (run `twinlens calibrate`), and is ignored"
            )
        return False
    same_only = switch("Only the same thing", "same", same_only, address, threshold_text(opened.info))
    blended = question.blended or question.has_text or address.values.get("views", "").lower() == "true"
    if same_only and blended:
        st.caption("Not applied: it compares single pictures, and this search has several, views, or a text.")
        return False
    return same_only


def slider(title: str, name: str, most: float, default: float, address: Address, hint: str) -> float:
    """Let the visitor choose a number from 0 to `most`."""
    value = address.decimal(name, 0, most, default)
    offer(name, value, default)
    st.slider(title, 0.0, most, step=0.01, key=name, on_change=choose, help=hint)
    return value


def switch(title: str, name: str, default: bool, address: Address, hint: str) -> bool:
    """Let the visitor switch an option on or off."""
    offer(name, address.switch(name, default), default)
    return st.toggle(title, key=name, on_change=choose, help=hint)


def filter_input(opened: SharedIndex, parts: list[str], address: Address) -> list[str] | None:
    """Let the visitor filter by an expression too; return all conditions, or None if one is invalid."""
    offer("where", address.values.get("where", ""), "")
    text = st.text_input(
        "Only pictures where",
        key="where",
        on_change=choose,
        placeholder="taken >= 2024-01-01",
        help=filter_help(opened),
    ).strip()
    parts = [*parts, *([text] if text else [])]
    try:
        opened.ids(all_of([parse_where(each) for each in parts]) or {})
    except TwinlensError as error:
        details = printable(str(error).removeprefix("cannot use the filter: "))
        address.complain("where", "is not a valid filter, so nothing was searched", details)
        return None
    return parts


def filter_help(opened: SharedIndex) -> str:
    """Examples of filters, and the columns of the index."""
    names = ", ".join(literal(name) for name in [*BUILT_IN, *opened.columns][:SHOWN_COLUMNS])
    return (
        "For example `width > 1000 and not label in (cat, dog)`; also `glob 'Canon*'`, `between … and …`, `is null`. "
        f"Columns: {names}"
    )


def threshold_text(info: IndexInfo) -> str:
    """The threshold of the calibration and its error rates."""
    calibration = info.calibration or {}
    far, frr = calibration["far"]["value"], calibration["frr"]["value"]
    return (
        f"Only pictures at distance {calibration['threshold']:.4f} or less. It accepts {far:.1%} of pairs that show "
        f"different things, and rejects {frr:.1%} of those that show the same."
        + (" This calibration is weak." if calibration["weak"] else "")
    )
