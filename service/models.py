"""Bodies of requests. What the engine checks, such as ranges and filters, is left to it: the words are then its own."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from search.config import MOST_AT_ONCE, BuildConfig, IdentifyConfig, QueryConfig, VerifyConfig

_BUILD = BuildConfig()
Scalar = str | int | float | bool
PictureId = Annotated[int, Field(strict=True)]


class Strict(BaseModel):
    """Unknown members and numbers that are not finite are errors; nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("the bytes of a picture are text in base64")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"this is not base64 ({error})") from None


Base64 = Annotated[
    bytes,
    PlainValidator(_decoded),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "description": "The bytes of a picture's file."}),
]


class ExampleIn(Strict):
    """Something to search with: exactly one of its members."""

    picture: Base64 | None = None
    text: str | None = Field(None, examples=["red bicycle in snow"])
    id: PictureId | None = Field(None, description="The id of a picture of the index.", examples=[12])
    vector: list[float] | None = Field(None, description="A unit vector of the encoder of the index.")

    @model_validator(mode="after")
    def _has_one(self) -> ExampleIn:
        if len(self.model_fields_set) != 1 or getattr(self, self.kind) is None:
            raise ValueError("give exactly one of picture, text, id and vector")
        return self

    @property
    def kind(self) -> str:
        """Which member is given."""
        return next(iter(self.model_fields_set))


class HitOptions(Strict):
    """What every search takes: see `SearchOptions`."""

    k: int = Field(QueryConfig.k, description="Number of hits.")
    where: str | list[str] | dict[str, Scalar | list[Scalar] | None] | None = Field(
        None,
        description="A filter: its text, several texts that must all hold, or values by column.",
        examples=["label = label0 and width > 10"],
    )
    same_only: bool = Field(QueryConfig.same_only, description="Only pictures that the calibration calls the same.")
    collapse: bool = Field(QueryConfig.collapse, description="Merge near copies into one hit.")
    radius: float | None = Field(QueryConfig.radius, description="Greatest distance of a hit, from 0 to 2.")
    diversity: float = Field(QueryConfig.diversity, description="From 0, the nearest, to 1: hits that differ.")
    liked: list[PictureId] = Field([], description="Ids of pictures that the hits shall resemble more.")
    disliked: list[PictureId] = Field([], description="Ids of pictures that the hits shall resemble less.")

    def options(self) -> dict[str, Any]:
        """The keywords of the engine."""
        return {name: getattr(self, name) for name in HitOptions.model_fields if name != "k"}


class SearchIn(HitOptions):
    """One query: an example, or several that are one query together."""

    query: ExampleIn | list[ExampleIn] | None = Field(
        None,
        description="An example, or several together. Left out if pictures are sent as files.",
        examples=[{"id": 1}],
    )
    weights: list[float] | None = Field(None, description="Of several examples; equal by default.")
    without: list[ExampleIn] = Field([], description="Counterexamples: pictures and texts.")
    crop: list[float] | None = Field(None, description="Left, top, right and bottom, in shares of the picture.")
    views: bool = Field(QueryConfig.views, description="Search with the mean of four views of each picture.")
    audit: bool = Field(False, description="Compare the hits with those of exact search.")


class BatchIn(HitOptions):
    """Several queries with the same options: all pictures, all ids, or all vectors."""

    queries: list[ExampleIn] = Field([], description="Left out if pictures are sent as files.", examples=[[{"id": 1}]])
    views: bool = QueryConfig.views


class EmbedIn(Strict):
    """Pictures, or texts, to embed."""

    pictures: list[Base64] = []
    texts: list[str] = Field([], examples=[[]])


class VerifyIn(Strict):
    """A picture, and one or more pictures of one thing."""

    a: Base64 | None = None
    b: Base64 | list[Base64] | None = None
    references: Literal["mean", "best"] = VerifyConfig.references


class ExplainIn(Strict):
    """Two pictures."""

    a: Base64 | None = None
    b: Base64 | None = None


class IdentifyIn(Strict):
    """A picture, and how it is decided who it shows: see `IdentifyConfig`."""

    picture: Base64 | None = None
    references: Literal["mean", "best"] = IdentifyConfig.references
    max_false_accept: float | None = IdentifyConfig.max_false_accept
    threshold: float | None = IdentifyConfig.threshold
    k: int = IdentifyConfig.k
    force: bool = IdentifyConfig.force


class IdsIn(Strict):
    """Ids of pictures."""

    ids: list[PictureId] = Field(examples=[[1]])


class AddIn(Strict):
    """Pictures to add to an index."""

    pictures: list[Base64] = Field([], description="Left out if pictures are sent as files.")
    label: str | None = Field(None, description="The label of new pictures.", examples=["shoes/red"])


class RemoveIn(Strict):
    """Pictures to remove: by id, or by a filter."""

    ids: list[PictureId] = Field([], examples=[[1]])
    where: str | list[str] | dict[str, Scalar | list[Scalar] | None] | None = None
    dry_run: bool = Field(False, description="Report what would be removed, and remove nothing.")
    purge: bool = Field(False, description="Do not retain metadata and labels.")


class MetadataIn(Strict):
    """Values of columns by picture; null removes a value."""

    rows: list[dict[str, Scalar | None]] = Field(
        description="One object per picture: its id, and values by column.", examples=[[{"id": 1, "price": 4.5}]]
    )


class EnrollIn(Strict):
    """Reference pictures of an identity."""

    name: str = Field(examples=["Ada Lovelace"])
    pictures: list[Base64] = Field([], description="Left out if pictures are sent as files.")
    add: bool = Field(False, description="Add pictures to a name that is enrolled.")
    force: bool = Field(False, description="Accept poor pictures, and those of another name.")
    box: list[float] | None = Field(None, description="The part of the one picture that shows the identity.")


class UnenrollIn(Strict):
    """Identities to remove."""

    names: list[str] = Field(examples=[["Ada Lovelace"]])


class JobIn(Strict):
    """A long job on an index: its folder of pictures is the one that the operator of the service named."""

    verb: Literal["build", "sync", "rebuild", "check"] = Field(examples=["sync"])
    encoder: Literal["photo", "photo-large", "small", "color-layout", "faces", "signatures"] | None = None
    kind: Literal["auto", "flat", "pq4", "hnsw", "hnsw8", "ivf", "ivfpq", "ivfpq4", "cagra", "hnswlib", "turbovec"] = (
        "auto"
    )
    recall: float = Field(_BUILD.recall, ge=0, le=1)
    memory: int | None = Field(None, gt=0, lt=2**62, description="Bytes that the structure may need.")
    labels: Literal["folder", "none"] | None = None
    batch_size: int = Field(_BUILD.batch_size, ge=1, le=MOST_AT_ONCE)
