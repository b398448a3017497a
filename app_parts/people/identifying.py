"""Identify who or what a picture shows, with the decision about strangers and the cautions of `twinlens identify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change, offer
from app_parts.people.picture_input import offer_picture
from app_parts.thumbnails import TILE
from app_parts.tiles import ground, literal, plain, show_tile, tile
from search import TwinlensError
from search.config import IdentifyConfig
from search.encoders.foreign import is_foreign
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from app_parts.address import Address
    from app_parts.shared_index import SharedIndex
    from search.recognition.identities import Identification


def show_identify(opened: SharedIndex, address: Address) -> None:
    """Let the visitor give a picture, and show who or what it shows."""
    if is_foreign(opened.info.fingerprint):
        st.info("The vectors of this index were made elsewhere, so no other picture can be identified with it.")
        return
    config = show_options(opened, address)
    upload = offer_picture("Whom or what does this picture show?", "identify")
    if upload is None:
        return
    calibration = opened.engine.calibration
    if calibration is not None and calibration.weak:
        st.warning(literal(calibration.warning))
    with st.container(horizontal=True, gap="medium"):
        try:
            with st.spinner("Identifying …"):
                result = opened.engine.identify(upload, config)
            _show_upload(upload)
        except TwinlensError as error:
            st.error(literal(error))
            return
        with st.container(width="stretch"):
            for each in result.everyone:
                show_identification(each)


def show_options(opened: SharedIndex, address: Address) -> IdentifyConfig:
    """Let the visitor give a threshold, which is needed without a calibration, and accept poor pictures."""
    calibrated = opened.engine.calibration is not None
    default = 0.0
    threshold = round(address.decimal("threshold", 0, 2, default), 4)
    with st.expander("Options", expanded=not calibrated):
        if not calibrated:
            st.markdown(
                "This index is not calibrated, so nothing says how near a stranger can be. Calibrate it with pictures "
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


def show_identification(result: Identification) -> None:
    """Show the decision about a picture, or about one face in it: first the decision, then the candidates."""
    nearest, threshold = result.nearest, result.threshold
    with st.container(border=True, gap="xsmall"):
        if result.refused:
            st.subheader("Not identified", anchor=False)
            st.caption(literal(f"poor quality: {result.refused}"))
        elif result.name is None:
            st.subheader("Unknown", anchor=False)
            st.caption(f"Nobody enrolled is near enough; the nearest is {literal(nearest.name)}.")
        else:
            st.subheader("Identified", anchor=False)
            st.text(plain(result.name))
        if nearest.probability is not None:
            st.progress(min(1.0, nearest.probability), text=f"Probability: {nearest.probability:.3f}")
        strangers = (
            "" if threshold.false_accept is None else f"; {threshold.false_accept:.2%} of strangers are accepted"
        )
        place = "" if result.box is None else f"  \nat {result.box} of the picture"
        st.caption(f"distance {nearest.distance:.4f}  \nthreshold {threshold.distance:.4f}{strangers}{place}")
        st.text("\n".join(f"{each.distance:.4f}  {plain(each.name)}" for each in result.candidates))


def _show_upload(upload: UploadedFile) -> None:
    upload.seek(0)
    with st.container(width=220):
        show_tile(tile(load_picture(upload, target=TILE), ground()), upload.name, "Picture to identify")
