"""Change what is searched with: the callbacks of the buttons. Each is one step of the browser's history."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import streamlit as st

from app_parts.address import change
from app_parts.search.question import TEXTS, Upload, uploads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from app_parts.search.question import Part, Question
    from search import Crop

MOST_UPLOADS = 8
"""Pictures of one visitor that are searched with together; they are held in memory."""
_ASKED = ("picture", "with", *TEXTS, "without", "liked", "disliked", "weights", "crop", "full", "page")
"""Parameters that say what is searched with, and which view of it is shown."""


def pick(picture_id: int | None) -> None:
    """Search with a picture of the collection, or with none; everything else that was searched with is discarded."""
    replace("picture", None if picture_id is None else str(picture_id))


def replace(name: str, value: str | None) -> None:
    """Search with what one parameter says, instead of everything that was searched with."""
    change(**dict.fromkeys(_ASKED) | {name: value})
    st.session_state.held = []


def ask(files: Sequence[UploadedFile], text: str) -> None:
    """Search with pictures of the visitor and a text, instead of everything that was searched with."""
    change(**dict.fromkeys(_ASKED) | {"with_text" if files else "text": text or None})
    st.session_state.held = _uploads(files)


def ask_also(files: Sequence[UploadedFile], text: str, question: Question) -> None:
    """Search with pictures of the visitor and a text, in addition to what is searched with."""
    values: dict[str, str | None] = {"crop": None, "full": None, "page": None}
    if files or uploads():
        # `picture` and `text` stand for a search without pictures of the visitor, so that the way back discards them.
        words = text or next((part.text for part in question.parts if part.text), None)
        values |= {"picture": None, "text": None, "with": _ids(_numbers(question.parts)), "with_text": words}
    elif text:
        values["text"] = text
    change(**values)
    st.session_state.held = [*uploads(), *_uploads(files)][-MOST_UPLOADS:]


def _uploads(files: Sequence[UploadedFile]) -> list[Upload]:
    return [Upload(f"own-{uuid.uuid4().hex}", file) for file in files[:MOST_UPLOADS]]


def add(picture_id: int, question: Question) -> None:
    """Search with one more picture of the collection."""
    change(
        crop=None,
        **{"with": _ids([*_others(question), picture_id]), "without": _less(_numbers(question.without), picture_id)},
    )


def avoid(picture_id: int, question: Question) -> None:
    """Rank pictures like one of the collection lower."""
    change(without=_ids([*_numbers(question.without), picture_id]))


def rate(picture_id: int, question: Question, *, liked: bool) -> None:
    """Move the question towards a hit, or away from it."""
    likes = [each for each in question.liked if each != picture_id]
    dislikes = [each for each in question.disliked if each != picture_id]
    (likes if liked else dislikes).append(picture_id)
    change(liked=_ids(likes), disliked=_ids(dislikes))


def unrate(picture_id: int, question: Question) -> None:
    """Take back what was said about one hit."""
    change(
        liked=_ids([each for each in question.liked if each != picture_id]),
        disliked=_ids([each for each in question.disliked if each != picture_id]),
    )


def reset_rated() -> None:
    """Take back everything that was said about hits."""
    change(liked=None, disliked=None)


def remove(part: Part, question: Question) -> None:
    """Search without one of the parts, which is an example or a counterexample."""
    st.session_state.held = [each for each in uploads() if each.key != part.key]
    if part.text:
        change(**{part.key: None})
    elif part.id is not None:
        values = {"with": _less(_others(question), part.id), "without": _less(_numbers(question.without), part.id)}
        change(**values | ({"picture": None} if question.picked == part.id else {}))


def weigh(part: Part, question: Question, key: str) -> None:
    """Give a part the weight that its widget shows."""
    weight = float(st.session_state[key])
    st.session_state.held = [each._replace(weight=weight) if each.key == part.key else each for each in uploads()]
    if part.upload is None:
        weights = {each.key: each.weight for each in question.parts if each.upload is None} | {part.key: weight}
        change(weights=",".join(f"{name}:{value:g}" for name, value in weights.items() if value != 1) or None)


def turn(part: Part, question: Question) -> None:
    """Make a counterexample of an example, or the other way round."""
    held = [each._replace(unlike=not each.unlike) if each.key == part.key else each for each in uploads()]
    st.session_state.held = held
    if part.id is not None:
        was, others, without = part in question.without, _others(question), _numbers(question.without)
        values = {
            "with": _ids([*others, part.id]) if was else _less(others, part.id),
            "without": _less(without, part.id) if was else _ids([*without, part.id]),
        }
        change(crop=None, **values | ({"picture": None} if question.picked == part.id else {}))


def use_crop(crop: Crop | None) -> None:
    """Search with a part of the picture, or with all of it."""
    change(crop=None if crop is None else str(crop))


def _others(question: Question) -> list[int]:
    """The pictures that the parameter `with` names."""
    return [each for each in _numbers(question.parts) if each != question.picked]


def _numbers(parts: Iterable[Part]) -> list[int]:
    return [part.id for part in parts if part.id is not None]


def _less(ids: Iterable[int], picture_id: int) -> str | None:
    return _ids([each for each in ids if each != picture_id])


def _ids(ids: list[int]) -> str | None:
    return ",".join(map(str, dict.fromkeys(ids))) or None
