"""Choose a part of the query picture: drag a box on it, or move sliders, which work on a phone too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from app_parts.search.picking import use_crop
from search import Crop, PictureError, QueryError
from search.pictures.thumbnails import jpeg, thumbnail

if TYPE_CHECKING:
    from PIL.Image import Image

    from app_parts.search.question import Part

SIDE = 320
"""Longer side in pixels of the picture to drag a box on: it fits on a phone, where the canvas cannot shrink."""
LEAST = 0.02
"""Smallest side of a box, as a share of the picture: less is a click."""
WHOLE = Crop(0, 0, 1, 1)
COLOUR = "#d99a4e"


def show_cropping(part: Part, crop: Crop | None) -> None:
    """Show a picture to drag a box on, with sliders below it."""
    try:
        image = shown_image(part)
    except PictureError as error:
        st.caption(error.reason)
        return
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=image.width, key="canvas", gap="xsmall"):
            show_canvas(image, f"canvas-{part.key}", crop)
        with st.container(width=300, key="crop-sliders"):
            st.caption("Drag a box on the picture, or move these:")
            show_sliders(crop or WHOLE)


def show_canvas(image: Image, key: str, crop: Crop | None) -> None:
    """Show the picture with the box; a box that is dragged replaces it."""
    from streamlit_drawable_canvas import st_canvas

    width, height = image.size
    st_canvas(
        drawing_mode="rect",
        background_image=jpeg(image, quality=85),
        width=width,
        height=height,
        stroke_width=2,
        stroke_color=COLOUR,
        fill_color="rgba(217, 154, 78, 0.2)",
        initial_drawing=None if crop is None else drawing_of(crop, width, height),
        key=key,
        on_change=lambda: use_drawing(st.session_state.get(key), width, height),
    )


def use_drawing(state: Any, width: int, height: int) -> None:
    """Search by the box that was dragged last; without a box, by all of the picture."""
    drawing = state.get("drawing") if state else None
    objects = ((drawing or {}).get("raw") or {}).get("objects") or []
    if not objects:
        use_crop(None)
    elif (crop := crop_of(objects[-1], width, height)) is not None:
        use_crop(crop)


def crop_of(box: dict[str, Any], width: int, height: int) -> Crop | None:
    """The part of a picture of this size inside a rectangle of Fabric.js; None if it is no more than a click."""
    try:
        wide, high = (
            float(box[side]) * float(box.get(f"scale{axis}", 1)) for side, axis in (("width", "X"), ("height", "Y"))
        )
        left = float(box["left"]) - (wide / 2 if box.get("originX") == "center" else 0)
        top = float(box["top"]) - (high / 2 if box.get("originY") == "center" else 0)
        ends = (left / width, top / height, (left + wide) / width, (top + high) / height)
        crop = Crop(*(round(min(max(end, 0.0), 1.0), 4) for end in ends))
    except (KeyError, TypeError, ValueError, QueryError):
        return None
    return crop if crop.right - crop.left >= LEAST and crop.bottom - crop.top >= LEAST else None


def drawing_of(crop: Crop, width: int, height: int) -> dict[str, Any]:
    """A part as a drawing of one rectangle."""
    box = {
        "type": "Rect",
        "originX": "left",
        "originY": "top",
        "left": crop.left * width,
        "top": crop.top * height,
        "width": (crop.right - crop.left) * width,
        "height": (crop.bottom - crop.top) * height,
        "fill": "rgba(217, 154, 78, 0.2)",
        "stroke": COLOUR,
        "strokeWidth": 2,
        "strokeUniform": True,
    }
    return {"objects": [box]}


def show_sliders(crop: Crop) -> None:
    """Show the part as two ranges in per cent."""
    st.session_state["crop-x"] = (round(100 * crop.left), round(100 * crop.right))
    st.session_state["crop-y"] = (round(100 * crop.top), round(100 * crop.bottom))
    st.slider("Left to right", 0, 100, key="crop-x", format="%d %%", on_change=use_sliders)
    st.slider("Top to bottom", 0, 100, key="crop-y", format="%d %%", on_change=use_sliders)


def use_sliders() -> None:
    """Search by the part that the sliders show; an empty one is not used."""
    (left, right), (top, bottom) = st.session_state["crop-x"], st.session_state["crop-y"]
    if left < right and top < bottom:
        crop = Crop(left / 100, top / 100, right / 100, bottom / 100)
        use_crop(None if crop == WHOLE else crop)


def shown_image(part: Part) -> Image:
    """The picture that a box is dragged on; one of the visitor is decoded once per session.

    Raises:
        PictureError: it cannot be read.
    """
    kept: dict[str, Image] = st.session_state.setdefault("cropped", {})
    if part.key not in kept:
        kept.clear()
        image = thumbnail(part.picture, SIDE).convert("RGB")
        larger = SIDE / max(image.size)  # a box is hard to drag on a stamp
        kept[part.key] = image.resize([max(1, round(side * larger)) for side in image.size])
    return kept[part.key]
