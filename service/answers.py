"""Bodies of answers, for the OpenAPI document; the engine makes them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

Value = str | int | float | bool | None


class ProblemOut(BaseModel):
    """A problem (RFC 9457)."""

    type: str = Field(description="Stable: urn:twinlens:problem:NAME", examples=["urn:twinlens:problem:picture"])
    title: str
    status: int
    detail: str = Field(description="What was wrong, where, and what to do: the words of the engine.")
    source: str | None = Field(None, description="Of a picture: its place in the request.")
    reason: str | None = Field(None, description="Of a picture: why it cannot be read.")
    errors: list[dict[str, str]] | None = Field(None, description="Of a body: what does not follow the schema.")


class StatusOut(BaseModel):
    """The state of the service."""

    status: str
    waiting_for: list[str] = []


class HitOut(BaseModel):
    """A neighbour of a query."""

    id: int
    path: str
    label: str | None
    distance: float = Field(description="Euclidean, from 0 to 2.")
    similarity: float = Field(description="Cosine, from -1 to 1.")
    strength: str | None
    probability: float | None
    metadata: dict[str, Value]
    copies: list[HitOut] | None = None


class AnswerOut(BaseModel):
    """The answer to a query; times are in seconds."""

    hits: list[HitOut]
    weak: bool = Field(description="Whether even the nearest hit is weak.")
    cut_off: bool = Field(description="Whether more than the k hits lie within the radius.")
    timing: dict[str, float]
    audit: dict[str, Any] | None
    types: dict[str, str] = Field(description="Columns whose values are dates, or moments in UTC.")


class HitsOut(BaseModel):
    """The hits of one query of a batch."""

    hits: list[HitOut]


class BatchOut(BaseModel):
    """The hits of each query of a batch."""

    answers: list[HitsOut]
    types: dict[str, str]


class EmbeddingsOut(BaseModel):
    """Unit vectors of the encoder with this fingerprint."""

    dim: int
    fingerprint: str
    embeddings: list[list[float]]


class VerificationOut(BaseModel):
    """Whether pictures show the same; all but the distance is null without a calibration."""

    distance: float
    probability: float | None
    same: bool | None
    threshold: float | None
    far: dict[str, float | None] | None
    frr: dict[str, float | None] | None
    prior: float | None
    weak: bool | None
    cautions: list[str]


class HeatOut(BaseModel):
    """How much each part of a picture contributes to its similarity to another."""

    area: list[float] = Field(description="The part that the values cover: left, top, right and bottom, in shares.")
    values: list[list[float]] = Field(description="Rows of cells: the similarity that is lost if a cell is hidden.")


class ExplanationOut(BaseModel):
    """Why two pictures are similar."""

    distance: float
    similarity: float
    heat: dict[str, HeatOut] = Field(description="Of the pictures `a` and `b`.")


class IdentificationOut(BaseModel):
    """Whom a picture shows; `name` is null if no enrolled person matches."""

    name: str | None
    distance: float
    probability: float | None
    threshold: float
    false_accept: float | None
    candidates: list[dict[str, Any]]
    quality: dict[str, Any] | None
    refused: str
    box: list[float] | None
    others: list[IdentificationOut]


class IdentitiesOut(BaseModel):
    """Enrolled identities."""

    identities: list[dict[str, Any]]


class RecordOut(BaseModel):
    """A picture of the index."""

    id: int
    path: str
    content: str
    bytes: int
    mtime_ns: int
    width: int
    height: int
    label: str | None
    segment: int
    row: int
    ctime_ns: int | None
    inode: int | None


class PictureOut(RecordOut):
    """A picture of the index with its metadata."""

    metadata: dict[str, Value]
    types: dict[str, str]


class PicturesOut(BaseModel):
    """Pictures of the index."""

    pictures: list[RecordOut]


class MetadataOut(BaseModel):
    """Id -> column -> value."""

    metadata: dict[str, dict[str, Value]]
    types: dict[str, str]


class VectorsOut(BaseModel):
    """Stored unit vectors."""

    dim: int
    vectors: list[list[float]]


class IdsOut(BaseModel):
    """Ids of pictures."""

    ids: list[int]


class CountOut(BaseModel):
    """A number of pictures."""

    count: int


class IndexOut(BaseModel):
    """An index of the service."""

    name: str
    ready: bool
    problem: str | None
    snapshot: str = Field(description="Changes with each commit; empty while the index is opened.")


class IndexesOut(BaseModel):
    """The indexes of the service."""

    indexes: list[IndexOut]
    write: bool


class InfoOut(BaseModel):
    """What `twinlens info --json` prints, and the calibration in full."""

    path: str
    images: int
    dim: int
    encoder: str
    fingerprint: str
    kind: str
    generation: int
    embeds_text: bool


class LabelsOut(BaseModel):
    """Label -> number of pictures."""

    labels: dict[str, int]


class ColumnsOut(BaseModel):
    """Column -> type."""

    columns: dict[str, str]


class ValuesOut(BaseModel):
    """Id -> value of one column."""

    values: dict[str, Value]
    types: dict[str, str]


class TextsOut(BaseModel):
    """Values of a column of text."""

    texts: list[str]


class MapOut(BaseModel):
    """The kept map; lists have one entry per picture."""

    ids: list[int]
    positions: list[list[float]]
    clusters: list[int]
    names: list[str]
    placed: list[bool]
    removed: int
    method: str
    created: str


class KeptMapOut(BaseModel):
    """The kept map, if there is one."""

    map: MapOut | None


class ChangeOut(BaseModel):
    """The report of a change."""

    report: dict[str, Any]


class AddedOut(ChangeOut):
    """The report, and the id of each picture in the order of the request; null for one that could not be read."""

    ids: list[int | None]


class EnrolledOut(BaseModel):
    """The report of an enrolment."""

    name: str
    added: int
    templates: int
    warnings: list[str]


class RemovedOut(BaseModel):
    """How many reference pictures were removed."""

    removed: int


class StageOut(BaseModel):
    """A stage of a job."""

    name: str
    total: int | None
    done: int


class JobOut(BaseModel):
    """A long job."""

    number: int
    index: str
    verb: str
    status: str = Field(description="running, stopping, done, failed or stopped")
    stage: StageOut | None
    stages: list[str]
    seconds: float
    report: dict[str, Any] | None
    error: str


class JobsOut(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobOut]
