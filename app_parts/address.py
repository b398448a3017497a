"""The address of the page, which holds all of its state, so that a page can be shared, reloaded and returned to.

Every widget is set from the address before it is drawn, and changes the address when it is used. Streamlit's own
`bind` handles plain values, but it drops an invalid one silently, and stores a label as displayed, with its count.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app_parts.tiles import literal, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamlit.delta_generator import DeltaGenerator

_LONGEST_SHOWN = 60
"""Maximum length in characters of an invalid value in a message."""
_ARRIVED_SECONDS = 1.0
"""Seconds after the end of a run within which the browser has what the run sent."""
_SWITCH = {"true": True, "false": False}


def change(**values: str | None) -> None:
    """Set parameters, or remove them with None; one call is one step of the browser's history.

    Call it from a widget's callback. Changes to other widgets since the page was last drawn completely go into the
    address too, because the second of two quick clicks comes with the address from before the first.
    """
    if not _visitor_chose():
        return
    before = _newest()
    parameters: dict[str, str | None] = dict(before)
    for key, (name, default) in _state("offered").items():
        if key in st.session_state and st.session_state[key] != _state("drawn").get(key):
            parameters[name] = _text(st.session_state[key], default)
    after = {name: value for name, value in (parameters | values).items() if value is not None}
    if after != _current():
        st.query_params.from_dict(after)
    if after != before:
        _state("addresses")["outdated"] = [*_state("addresses").get("outdated", []), before]
        _state("addresses")["newest"] = after


def _visitor_chose() -> bool:
    """Whether a widget was used. If not, those that differ were sent by a browser that shows an older page.

    Streamlit calls the callbacks of these too, when the visitor goes back twice, the second time before the page of the
    first step is shown, and when a fragment runs by the clock.
    """
    run = get_script_run_ctx()
    return run is None or not (run.is_history_navigation or run.fragment_ids_this_run)


def _newest() -> dict[str, str]:
    """The newest address of this page, even if the browser does not show it yet.

    A busy browser answers a change only after the next click, which comes with the previous address.
    """
    current, addresses = _current(), _state("addresses")
    if current in addresses.get("outdated", []):
        return dict(addresses["newest"])
    addresses["outdated"] = []
    return current


def entered(page: str) -> None:
    """Forget the widgets of another page; to be called before a page is drawn."""
    if st.session_state.get("page_name") != page:
        for name in ("offered", "drawn", "texts", "addresses", "unsent"):
            st.session_state.pop(name, None)
    st.session_state["page_name"] = page
    drawn_at = st.session_state.pop("drawn_at", None)
    if drawn_at is not None and time.monotonic() - drawn_at > _ARRIVED_SECONDS:
        _state("unsent").clear()


def moved() -> bool:
    """Whether the browser is at another address than the page was drawn for.

    The visitor goes back before the browser has the answer to a choice: the address of the choice then comes last, and
    replaces the one gone back to.
    """
    current, addresses = _current(), _state("addresses")
    return current != addresses["newest"] and current not in addresses["outdated"]


def _current() -> dict[str, str]:
    """The parameters that this run started with, or has set."""
    return {name: st.query_params[name] for name in st.query_params}


def choose() -> None:
    """Put the state of the widgets into the address; the callback of widgets that change which pictures are shown.

    The page of the collection is reset, because another selection has other pages.
    """
    change(page=None)


def offer(name: str, value: object, default: object, *, key: str | None = None, text: str = "") -> None:
    """Set the widget that is drawn next to the value in the address; default values are left out of the address.

    A widget that already shows the value is not set again, which would undo text that the visitor is typing. It is set
    if its `text` changed, because the browser keeps that of a selectbox, with an outdated count; and if it was set by a
    run that another one followed at once: Streamlit then drops what the browser did not have yet.
    """
    widget, texts, unsent = key or name, _state("texts"), _state("unsent")
    _state("offered")[widget] = name, default
    if st.session_state.get(widget) != value or texts.get(widget, "") != text or widget in unsent:
        st.session_state[widget] = value
        unsent[widget] = True
    texts[widget] = text


def drawn() -> None:
    """Store what the widgets show at the end of a page; a click may end a run before that."""
    st.session_state["drawn_at"] = time.monotonic()
    st.session_state["drawn"] = {key: st.session_state[key] for key in _state("offered") if key in st.session_state}


def _state(name: str) -> dict[str, Any]:
    """A dictionary in the session state."""
    state: dict[str, Any] = st.session_state.setdefault(name, {})
    return state


def _text(value: object, default: object) -> str | None:
    """A widget's value as written in the address: a range as `1..5`, choices as JSON; None for the default."""
    if value == default or value is None:
        return None
    if isinstance(value, tuple):
        return "..".join(map(str, value))
    if isinstance(value, list):
        return json.dumps(value) if value else None
    return str(value).lower() if isinstance(value, bool) else plain(value)


@dataclass
class Address:
    """The parameters of this run and their problems: each a Markdown text, and lines to be shown verbatim."""

    values: dict[str, str]
    problems: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of_page(cls) -> Address:
        """The parameters that the browser currently shows."""
        current, addresses = _current(), _state("addresses")
        if current != addresses.get("newest"):  # the visitor went back, or forward
            addresses.update(newest=current, outdated=[])
        return cls(current)

    def number(self, name: str, least: int, most: int, default: int) -> int:
        """An integer within limits; a number outside them is clamped."""
        value = whole_number(self.values.get(name, str(default)))
        if value is None:
            self.complain(name, f"in the address is not a whole number from {least:,} to {most:,}: {default:,} is used")
            return default
        if not least <= value <= most and name in self.values:
            self.complain(
                name, f"in the address is not from {least:,} to {most:,}: {min(max(value, least), most):,} is used"
            )
        return min(max(value, least), most)

    def decimal(self, name: str, least: float, most: float, default: float) -> float:
        """A number with decimals within limits, such as 0.25; a number outside them is clamped."""
        try:
            value = float(self.values.get(name, default))
        except ValueError:
            value = math.nan
        within = min(max(value, least), most)
        if math.isnan(value):
            self.complain(name, f"in the address is not a number from {least:g} to {most:g}: {default:g} is used")
            return default
        if value != within:
            self.complain(name, f"in the address is not from {least:g} to {most:g}: {within:g} is used")
        return within

    def switch(self, name: str, default: bool) -> bool:
        """A boolean, `true` or `false`."""
        text = self.values.get(name, str(default)).lower()
        if text not in _SWITCH:
            self.complain(name, f"in the address is neither true nor false: {str(default).lower()} is used")
        return _SWITCH.get(text, default)

    def label(self, name: str, labels: Iterable[str]) -> str:
        """A label, which the address holds as displayed; empty for none."""
        text = self.values.get(name, "")
        chosen = next((label for label in labels if plain(label) == text), "")
        if text and not chosen:
            self.complain(name, "in the address is not a label of this index: pictures of every label are shown")
        return chosen

    def picture(self, name: str) -> int | None:
        """A picture id, whether the picture exists or not; None if the address has none or an invalid one."""
        if name not in self.values:
            return None
        picture_id = whole_number(self.values[name])
        if picture_id is None:
            self.complain(name, "in the address is not a picture id, which is a number such as 12")
        return picture_id

    def complain(self, name: str, problem: str, details: str = "") -> None:
        """Add a problem of the address; `details` are lines to be shown verbatim."""
        value = plain(self.values.get(name, ""))
        shown = value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…"
        self.problems.append((f"{literal(f'{name}={shown}')} {problem}.", details))

    def show_problems(self, place: DeltaGenerator) -> None:
        """Show the problems of the address on the page."""
        for problem, details in self.problems:
            place.error(problem)
            if details:
                place.code(details, language=None, wrap_lines=True)


def whole_number(text: str) -> int | None:
    """Parse ASCII digits, with or without a sign, that SQLite can store as an integer."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else None
