"""Why two pictures are similar: heat maps of the parts that make the match, computed once per visit."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from app_parts.picture_files import whole_of
from app_parts.tiles import literal, plain
from search import TwinlensError
from search.explanation.drawing import overlay
from search.pictures.thumbnails import jpeg

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from app_parts.picture_files import PictureFile
    from app_parts.shared_index import Engine, SharedIndex
    from search.types import Picture

_REMEMBERED = 4
"""Pairs whose heat maps a visit remembers."""


class Explained(NamedTuple):
    """One of the two pictures."""

    key: str
    """Different for different pictures of one visit."""
    name: str
    picture: UploadedFile | PictureFile


class Why(NamedTuple):
    """The two pictures with their heat maps as JPEG, and for each the fall of the similarity that is brightest."""

    pictures: tuple[bytes, bytes]
    tops: tuple[float, float]


def show_heat_maps(opened: SharedIndex, a: Explained, b: Explained, names: tuple[str, str]) -> None:
    """Show the heat maps of both pictures, or why there are none; `names` say which is which."""
    known: dict[tuple[str, str, str], Why] = st.session_state.setdefault("explained", {})
    key = a.key, b.key, opened.info.fingerprint
    if key not in known:
        try:
            with st.spinner("Hiding one part after the other …"):
                known[key] = explained(opened.engine, whole_of(a.picture), whole_of(b.picture))
        except TwinlensError as error:
            st.error(literal(error))
            return
        while len(known) > _REMEMBERED:
            del known[next(iter(known))]
    why = known[key]
    st.caption(
        "The brighter a part, the more it makes the two pictures similar. When the brightest part is hidden, the "
        f"similarity falls by {why.tops[0]:.2f} ({names[0]}) or {why.tops[1]:.2f} ({names[1]})."
    )
    with st.grid(columns=2, min_column_width=140) as grid:
        for side, data in zip((a, b), why.pictures, strict=True):
            with grid.cell():
                st.image(data, width="stretch", alt=f"Heat map: {plain(side.name)}")


def explained(engine: Engine, a: Picture, b: Picture) -> Why:
    """Compute and draw the heat maps; raises as `SearchEngine.explain`."""
    explanation = engine.explain(_rewound(a), _rewound(b))
    pairs = (a, explanation.a), (b, explanation.b)
    first, second = (jpeg(overlay(_rewound(picture), heat), quality=90) for picture, heat in pairs)
    falls = [max(0.0, float(heat.values.max())) for _, heat in pairs]
    return Why((first, second), (falls[0], falls[1]))


def _rewound(picture: Picture) -> Picture:
    """An upload is a stream, and was read before."""
    if isinstance(picture, io.BytesIO):
        picture.seek(0)
    return picture
