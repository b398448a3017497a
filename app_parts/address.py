"""What the address of the page says. It is all that a page remembers: it can be sent, reloaded and gone back to.

Every widget is set from the address before it is drawn, and changes the address when it is used. Streamlit's own
`bind` would do for plain values, but drops a bad one in silence, and stores a label as it is displayed, with its count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app_parts.tiles import literal, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamlit.delta_generator import DeltaGenerator

_LONGEST_SHOWN = 60
"""Characters of a bad value in a message."""
_SWITCH = {"true": True, "false": False}


def change(**values: str | None) -> None:
    """Change parameters, or remove them by None: one change, however many, is one step of the browser's history.

    To be called back by a widget. What the visitor changed in others since the page was last drawn to its end goes into
    the address too: the second of two quick clicks comes with an address from before the first.
    """
    if not _visitor_chose():
        return
    before = _newest()
    wanted: dict[str, str | None] = dict(before)
    for key, (name, default) in _state("offered").items():
        if key in st.session_state and st.session_state[key] != _state("drawn").get(key):
            wanted[name] = _text(st.session_state[key], default)
    after = {name: value for name, value in (wanted | values).items() if value is not None}
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
    """The address of this page, be it that the browser does not show it yet.

    A browser that is busy answers a change only after the next click, which comes with the address from before.
    """
    current, addresses = _current(), _state("addresses")
    if current in addresses.get("outdated", []):
        return dict(addresses["newest"])
    addresses["outdated"] = []
    return current


def moved() -> bool:
    """Whether the browser is at another address than the page was drawn for.

    The visitor goes back before the browser has the answer to a choice: the address of the choice then comes last, and
    replaces the one gone back to.
    """
    current, addresses = _current(), _state("addresses")
    return current != addresses["newest"] and current not in addresses["outdated"]


def _current() -> dict[str, str]:
    """The parameters that came with this run, or that it set."""
    return {name: st.query_params[name] for name in st.query_params}


def choose() -> None:
    """Put what the widgets show into the address; to be called back by one that chooses pictures or how many.

    The page of the collection is left out, as another choice has other pages.
    """
    change(page=None)


def offer(name: str, value: object, default: object, *, key: str | None = None, text: str = "") -> None:
    """Let the widget that is drawn next show what the address says; what equals the default is left out of it.

    What it shows already is not set again, which would undo what the visitor may just be typing; but for a value whose
    `text` changed, as the browser keeps that of a selectbox, with a count that was once right.
    """
    _state("offered")[key or name] = name, default
    texts = _state("texts")
    if st.session_state.get(key or name) != value or texts.get(key or name, "") != text:
        st.session_state[key or name] = value
    texts[key or name] = text


def drawn() -> None:
    """Remember, at the end of a page, what its widgets show. A click may end a run before."""
    st.session_state["drawn"] = {key: st.session_state[key] for key in _state("offered") if key in st.session_state}


def _state(name: str) -> dict[str, Any]:
    """A dictionary of this session."""
    found: dict[str, Any] = st.session_state.setdefault(name, {})
    return found


def _text(value: object, default: object) -> str | None:
    """A widget's value as the address has it; None of a default."""
    if value == default or value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else plain(value)


@dataclass
class Address:
    """The parameters of this run, and what is wrong with them: Markdown, and lines to be shown as they are."""

    values: dict[str, str]
    problems: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of_page(cls) -> Address:
        """The parameters that the browser shows now."""
        current, addresses = _current(), _state("addresses")
        if current != addresses.get("newest"):  # the visitor went back, or forward
            addresses.update(newest=current, outdated=[])
        return cls(current)

    def number(self, name: str, least: int, most: int, default: int) -> int:
        """A whole number within limits; the nearest one is taken for a number beyond them."""
        value = whole_number(self.values.get(name, str(default)))
        if value is None:
            self.complain(name, f"in the address is not a whole number from {least:,} to {most:,}: {default:,} is used")
            return default
        if not least <= value <= most and name in self.values:
            self.complain(
                name, f"in the address is not from {least:,} to {most:,}: {min(max(value, least), most):,} is used"
            )
        return min(max(value, least), most)

    def switch(self, name: str, default: bool) -> bool:
        """`true` or `false`."""
        text = self.values.get(name, str(default)).lower()
        if text not in _SWITCH:
            self.complain(name, f"in the address is neither true nor false: {str(default).lower()} is used")
        return _SWITCH.get(text, default)

    def label(self, name: str, labels: Iterable[str]) -> str:
        """A label, which the address has as it is displayed; empty for none."""
        text = self.values.get(name, "")
        found = next((label for label in labels if plain(label) == text), "")
        if text and not found:
            self.complain(name, "in the address is not a label of this index: pictures of every label are shown")
        return found

    def picture(self, name: str) -> int | None:
        """A picture's id, be there such a picture or not; None where the address has none or one that is no number."""
        if name not in self.values:
            return None
        found = whole_number(self.values[name])
        if found is None:
            self.complain(name, "in the address is not a picture: it takes the number of one, such as 12")
        return found

    def complain(self, name: str, problem: str, details: str = "") -> None:
        """Add to the problems of the address; `details` are lines to be shown as they are."""
        value = plain(self.values.get(name, ""))
        shown = value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…"
        self.problems.append((f"{literal(f'{name}={shown}')} {problem}.", details))

    def show_problems(self, place: DeltaGenerator) -> None:
        """Say in the page what is wrong with its address."""
        for problem, details in self.problems:
            place.error(problem)
            if details:
                place.code(details, language=None, wrap_lines=True)


def whole_number(text: str) -> int | None:
    """A number of ASCII digits, with a sign or without, that SQLite can hold."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else None
