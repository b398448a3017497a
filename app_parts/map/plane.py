"""The component that draws the map: what it is sent, and what it sends back."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from app_parts.map.colours import Colours
    from app_parts.tiles import Tile
    from search.types import Floats

_HERE = Path(__file__).parent
_MOST_POINTS = (2, 98)
"""Percentiles between which the map begins, with some room around them."""
_AROUND = 1.25
_THUMB = """
export default function ({ data }) {
  window.dispatchEvent(new CustomEvent("twinlens-map-thumb", { detail: data }));
}
"""


def _text(*names: str) -> str:
    return "\n".join((_HERE / name).read_text("utf-8") for name in names)


_plane = st.components.v2.component(
    "twinlens_map", html=_text("plane.html"), css=_text("plane.css"), js=_text("points.js", "legend.js", "plane.js")
)
_thumb = st.components.v2.component("twinlens_map_thumb", js=_THUMB)


def fitted(positions: Floats) -> Floats:
    """Move and scale positions `(N, 2)` into [-1, 1], both axes alike, as float32."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    extent = max(float((high - low).max()) / 2, 1e-9)
    fit: Floats = ((positions - (low + high) / 2) / extent).astype(np.float32)
    return fit


def packed(points: Floats, colours: Colours, about: str) -> bytes:
    """The points in the form that `points.js` reads; equal points and colours give equal bytes."""
    data = np.ascontiguousarray(points, dtype="<f4").tobytes() + colours.codes.tobytes()
    header = {
        "count": len(points),
        "layout": layout_of(points),
        "version": hashlib.blake2b(data, digest_size=8).hexdigest() + hash_of(colours),
        "middle": middle_of(points),
        "about": about,
        "palette": colours.palette,
        "legend": colours.legend,
        "scale": colours.scale,
    }
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + b"\0" * (-(4 + len(text)) % 4) + data


def middle_of(points: Floats) -> list[float]:
    """Centre and half the extent of the square that holds most points."""
    low, high = np.percentile(points, _MOST_POINTS, axis=0)
    extent = max(float((high - low).max()) / 2 * _AROUND, 0.01)
    return [*((low + high) / 2).tolist(), min(1.0, extent)]


def layout_of(points: Floats) -> str:
    """Identifies these points, in whatever colours."""
    return hashlib.blake2b(np.ascontiguousarray(points).tobytes(), digest_size=8).hexdigest()


def hash_of(colours: Colours) -> str:
    """Identifies these colours and names."""
    named = json.dumps([colours.palette, colours.legend, colours.scale])
    return hashlib.blake2b(named.encode(), digest_size=8).hexdigest()


def draw_plane(data: bytes, key: str, selected: Callable[[], None]) -> Any:
    """Draw the map; its state has the `selection`, corners in the plane, and the `hovered` number of a point."""
    return _plane(
        key=key,
        data=data,
        default={"selection": None, "hovered": None},
        on_selection_change=selected,
        on_hovered_change=lambda: None,
    )


def send_thumb(layout: str, number: int, tile: Tile, text: str) -> None:
    """Send the picture of a point, which the map shows while the pointer is on it."""
    url = None if tile.data is None else "data:image/jpeg;base64," + base64.b64encode(tile.data).decode()
    _thumb(key="map-thumb", data={"layout": layout, "number": number, "url": url, "text": text})
