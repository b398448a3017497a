"""What a visitor searches with: pictures of their own, a text and pictures of the collection, each with its weight.

The address holds everything except the pictures of the visitor, which exist only in this session's memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from app_parts.address import whole_number
from app_parts.picture_files import whole_of
from search import Crop, QueryError, Text

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from app_parts.address import Address
    from app_parts.picture_files import PictureFile
    from app_parts.shared_index import Engine, SharedIndex
    from search.store.records import PictureRecord
    from search.types import Example, Picture

MOST_PARTS = 12
"""Maximum number of pictures of the collection that one parameter of the address may name."""
MOST_WEIGHT = 5.0
TEXTS = ("text", "with_text")
"""Parameters with a text; the second is searched with together with pictures of the visitor. Also keys of weights."""


class Upload(NamedTuple):
    """A picture of the visitor."""

    key: str
    file: UploadedFile
    weight: float = 1.0
    unlike: bool = False
    """Whether it is a counterexample."""


@dataclass(frozen=True)
class Part:
    """One example or counterexample: a picture of the visitor, a text, or a picture of the collection."""

    key: str
    weight: float = 1.0
    upload: UploadedFile | None = None
    text: str = ""
    record: PictureRecord | None = None
    file: PictureFile | None = None
    """Of a picture of the collection."""

    @property
    def name(self) -> str:
        """Name of the file, or the text itself."""
        if self.record is not None:
            return str(self.record.path)
        return self.text if self.upload is None else self.upload.name

    @property
    def id(self) -> int | None:
        """Id of a picture of the collection."""
        return None if self.record is None else self.record.id

    @property
    def picture(self) -> Picture:
        """The part, which is no text, as the engine takes it; raises as `whole_of`."""
        return whole_of(self.source)

    @property
    def source(self) -> UploadedFile | PictureFile:
        """Where the picture of the part is, which is no text."""
        source = self.upload if self.file is None else self.file
        assert source is not None
        return source

    @property
    def example(self) -> Example:
        """The part as the engine takes it."""
        return Text(self.text) if self.text else self.picture


@dataclass(frozen=True)
class Question:
    """Examples, counterexamples, rated pictures of the collection, and the part of the one picture to search with."""

    parts: tuple[Part, ...] = ()
    without: tuple[Part, ...] = ()
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()
    crop: Crop | None = None
    picked: int | None = None
    """The picture of the collection that the parameter `picture` names."""

    @property
    def own_ids(self) -> frozenset[int]:
        """Pictures of the collection that the question is made of, which are not among its hits."""
        return frozenset(part.id for part in (*self.parts, *self.without) if part.id is not None)

    @property
    def weights(self) -> list[float] | None:
        """The weights of the parts; None if all are equal."""
        weights = [part.weight for part in self.parts]
        return weights if len(set(weights)) > 1 else None

    @property
    def blended(self) -> bool:
        """Whether it is made of several examples, so that its distances are not those between two pictures."""
        return len(self.parts) > 1 or bool(self.without or self.liked or self.disliked)

    @property
    def has_text(self) -> bool:
        """Whether a text is among its parts."""
        return any(part.text for part in self.parts)

    @property
    def has_uploads(self) -> bool:
        """Whether it has pictures that no address can hold."""
        return any(part.upload is not None for part in (*self.parts, *self.without))

    @property
    def whole(self) -> Part | None:
        """The one picture of which a part can be chosen; None for a text, or for several parts."""
        return self.parts[0] if len(self.parts) == 1 and not self.has_text else None


def uploads() -> list[Upload]:
    """The pictures of the visitor in this session."""
    held: list[Upload] = st.session_state.setdefault("held", [])
    return held


def question_of(opened: SharedIndex, address: Address) -> Question:
    """Read the question from the address and this session; problems of the address are reported."""
    engine = opened.engine
    picked = known_picture(engine, address, "picture")
    if picked is not None or "text" in address.values:
        # An upload clears these, so the visitor went back to an address from before it.
        st.session_state.held = []
    weights = _weights(address)
    parts = [Part(each.key, each.weight, upload=each.file) for each in uploads() if not each.unlike]
    parts += [Part(key, weights.get(key, 1.0), text=text) for key in TEXTS if (text := _text(opened, address, key))]
    records = [*([picked] if picked else []), *known_pictures(engine, address, "with")]
    parts += [_stored(opened, each, weights.get(str(each.id), 1.0)) for each in _different(records)]
    without = [Part(each.key, upload=each.file) for each in uploads() if each.unlike]
    without += [_stored(opened, each) for each in known_pictures(engine, address, "without")]
    liked = [each.id for each in known_pictures(engine, address, "liked")]
    disliked = [each.id for each in known_pictures(engine, address, "disliked") if each.id not in liked]
    if not parts:
        return Question()
    given = Question(
        tuple(parts), tuple(without), tuple(liked), tuple(disliked), picked=None if picked is None else picked.id
    )
    return replace(given, crop=_crop(address, given))


def _stored(opened: SharedIndex, record: PictureRecord, weight: float = 1.0) -> Part:
    """A picture of the collection."""
    return Part(str(record.id), weight, record=record, file=opened.file(record))


def known_picture(engine: Engine, address: Address, name: str) -> PictureRecord | None:
    """The picture that a parameter of the address names; None if it names none."""
    picture_id = address.picture(name)
    if picture_id is None:
        return None
    try:
        return engine.picture(picture_id)
    except QueryError:
        address.complain(name, "in the address is not a picture of this index: it may have been removed")
        return None


def known_pictures(engine: Engine, address: Address, name: str) -> list[PictureRecord]:
    """The pictures that a list of ids in the address names, without those that do not exist."""
    text = address.values.get(name)
    if text is None:
        return []
    ids = [whole_number(part) for part in text.split(",")[: MOST_PARTS + 1]]
    found = []
    for picture_id in ids[:MOST_PARTS]:
        try:
            found.append(engine.picture(-1 if picture_id is None else picture_id))
        except QueryError:
            address.complain(name, "in the address names pictures that this index does not have, which are left out")
            break
    if len(ids) > MOST_PARTS:
        address.complain(name, f"in the address names more than {MOST_PARTS} pictures: the first ones are used")
    return _different(found)


def _different(records: list[PictureRecord]) -> list[PictureRecord]:
    return list({each.id: each for each in records}.values())


def _text(opened: SharedIndex, address: Address, name: str) -> str:
    text = address.values.get(name, "").strip()
    if text and not opened.embeds_text:
        address.complain(name, "in the address needs an index with an encoder open_clip:NAME, and is ignored")
        return ""
    return text


def _weights(address: Address) -> dict[str, float]:
    """The weights in the address, such as `12:2,text:0.5`, by key."""
    weights: dict[str, float] = {}
    for pair in filter(None, address.values.get("weights", "").split(",")):
        key, _, text = pair.partition(":")
        try:
            weight = float(text)
        except ValueError:
            weight = -1.0
        if not 0 < weight <= MOST_WEIGHT:
            problem = f"in the address needs pairs such as 12:2, of an id and a weight up to {MOST_WEIGHT:g}"
            address.complain("weights", f"{problem}: all weights are equal")
            return {}
        weights[key] = weight
    return weights


def _crop(address: Address, question: Question) -> Crop | None:
    text = address.values.get("crop")
    if text is None:
        return None
    try:
        crop = Crop.read(text)
    except QueryError:
        address.complain("crop", "in the address is not four shares such as 0.1,0.2,0.9,0.8: the whole picture is used")
        return None
    if question.whole is None:
        address.complain("crop", "in the address needs a search with exactly one picture, and is ignored")
        return None
    return crop
