"""Identify who or what a picture shows, as `twinlens identify` does; an unknown face can be enrolled at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change, offer
from app_parts.arguments import arguments
from app_parts.people.boxes import SIDE, boxed
from app_parts.people.enrolling import enroll_and_report
from app_parts.people.picture_input import offer_picture
from app_parts.thumbnails import TILE
from app_parts.tiles import Tile, ground, literal, plain, show_tile, tile
from search import TwinlensError
from search.config import EnrollConfig, IdentifyConfig
from search.encoders.foreign import is_foreign
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from app_parts.address import Address
    from app_parts.shared_index import SharedIndex
    from search import Crop
    from search.recognition.identities import Identification


def show_identify(opened: SharedIndex, address: Address) -> None:
    """Let the visitor give a picture, and show who or what it shows."""
    if is_foreign(opened.info.fingerprint):
        st.info("The vectors of this index were made elsewhere, so no other picture can be identified with it.")
        return
    upload = offer_picture("Picture to identify", "identify")
    answer = st.container()
    config = show_options(opened, address)
    if upload is None:
        return
    with answer:
        show_answer(opened, upload, config)


def chosen_options() -> IdentifyConfig:
    """What the visitor chose in `show_options`."""
    return IdentifyConfig(
        threshold=st.session_state.get("threshold") or None, force=st.session_state.get("force", IdentifyConfig.force)
    )


def show_answer(opened: SharedIndex, given: UploadedFile | Path, config: IdentifyConfig, part: str = "unknown") -> None:
    """Show an upload or a file, and beside it the result for each face that was found, or for the whole picture.

    `part` distinguishes the widgets of two answers on a page.
    """
    calibration = opened.calibration
    if calibration is not None and calibration.weak:
        st.warning(literal(calibration.warning))
    try:
        with st.spinner("Identifying …"):
            found = opened.engine.identify(given, config).everyone
        picture = _picture(given, [each.box for each in found if each.box is not None])
    except TwinlensError as error:
        st.error(literal(error))
        return
    left, right = st.columns([2, 3], gap="medium")
    with left:
        show_tile(picture, given.name, "Picture to identify")
    with right:
        for number, each in enumerate(found, 1):
            with st.container(border=True, gap="xsmall"):
                show_identification(each, number)
                if each.name is None and arguments().manage:
                    offer_name(opened, given, each.box, f"{part}-{{}}-{number}")


def offer_name(opened: SharedIndex, given: UploadedFile | Path, box: Crop | None, key: str) -> None:
    """Let the visitor enroll what this picture shows; `key` has a place for the name of each widget."""
    with st.form(key.format("form"), border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Enroll as", key=key.format("name"), placeholder="Ada Lovelace")
        if st.form_submit_button("Enroll", key=key.format("enroll")):
            source = given if isinstance(given, Path) else (given.name, given.getvalue())
            enroll_and_report(Path(opened.info.path), name, source, EnrollConfig(box=box))


def show_options(opened: SharedIndex, address: Address) -> IdentifyConfig:
    """Let the visitor give a threshold, which is needed without a calibration, and accept poor pictures."""
    calibrated = opened.calibration is not None
    default = 0.0
    threshold = round(address.decimal("threshold", 0, 2, default), 4)
    with st.expander("Options", expanded=not calibrated):
        if not calibrated:
            st.markdown(
                "This index is not calibrated, so there is no threshold for strangers. Calibrate it with pictures "
                "of others (`twinlens calibrate`), or give a distance."
            )
        offer("threshold", threshold, default)
        st.number_input(
            "Largest distance of a match",
            0.0,
            2.0,
            step=0.01,
            format="%.4f",
            key="threshold",
            on_change=change,
            help="0 uses the calibration: the more reference pictures there are, the nearer a match must be.",
        )
        offer("force", address.switch("force", False), False)
        force = st.toggle("Accept pictures of poor quality", key="force", on_change=change)
    return IdentifyConfig(threshold=threshold or None, force=force)


def show_identification(result: Identification, number: int) -> None:
    """Show the decision about a picture, or about one face in it: first the decision, then the candidates."""
    nearest, threshold = result.nearest, result.threshold
    face = "" if result.box is None else f"{number}. "
    if result.refused:
        st.header(f"{face}Not identified", anchor=False)
        st.caption(literal(f"poor quality: {result.refused}"))
    elif result.name is None:
        st.header(f"{face}Unknown", anchor=False)
        st.caption(f"No enrolled identity is near enough; the nearest is {literal(nearest.name)}.")
    else:
        st.header(f"{face}Identified", anchor=False)
        st.text(plain(result.name))
    if nearest.probability is not None:
        st.progress(min(1.0, nearest.probability), text=f"Probability: {nearest.probability:.3f}")
    strangers = "" if threshold.false_accept is None else f"; {threshold.false_accept:.2%} of strangers are accepted"
    place = "" if result.box is None else f"  \nat {result.box} of the picture"
    st.caption(f"distance {nearest.distance:.4f}  \nthreshold {threshold.distance:.4f}{strangers}{place}")
    with st.expander("Nearest identities"):
        st.text("\n".join(f"{each.distance:.4f}  {plain(each.name)}" for each in result.candidates))


def _picture(given: UploadedFile | Path, boxes: list[Crop]) -> Tile:
    """The picture, with the faces that were found marked."""
    if not isinstance(given, Path):
        given.seek(0)
    if boxes:
        return Tile(boxed(given, boxes), SIDE)
    return tile(load_picture(given, target=TILE), ground())
