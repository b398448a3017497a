"""A service that does not answer, or refuses: what is wrong, what to do, and a page that tries again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.tiles import literal

if TYPE_CHECKING:
    from search import TwinlensError

AGAIN_SECONDS = 5
"""Seconds until a page asks a service again that did not answer."""
_REMEDIES = {
    "": "Check that the service runs, and that the app was started with its address.",
    "key-missing": "Set `TWINLENS_API_KEY` to a key of the service, and start the app again.",
    "key-not-allowed": "Set `TWINLENS_API_KEY` to a key of the service, and start the app again.",
    "unknown-index": "Start the app with `--index-name` and one of these names.",
    "foreign-request": "Start the service with `--allowed-host` and the name that the app uses for it.",
}
"""Kind of a problem -> what to do; others pass by themselves, or say it."""


_OF_THE_QUESTION = {"body-too-large", "picture-too-large", "invalid-request"}
"""Kinds of problems that the same question has again."""


def is_of_service(error: TwinlensError) -> bool:
    """Whether a service could not be reached or refused to answer, so that asking again may help."""
    kind = getattr(error, "kind", None)
    return kind is not None and kind not in _OF_THE_QUESTION


def show_service_problem(error: TwinlensError) -> None:
    """Show the problem with its remedy. The page is drawn again after some seconds, or by the button."""
    st.error(literal(error), title="The service does not answer this app")
    if remedy := _REMEDIES.get(getattr(error, "kind", "-"), ""):
        st.markdown(remedy)
    st.button("Try again", icon=":material/refresh:", key="ask-service-again")
    st.session_state["service_asked"] = False
    _ask_again()


@st.fragment(run_every=AGAIN_SECONDS)
def _ask_again() -> None:
    """Draw the page again; the first call is part of the drawing."""
    if st.session_state.get("service_asked"):
        st.rerun()
    st.session_state["service_asked"] = True
