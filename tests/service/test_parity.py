"""Every answer of the service, and of its client, is that of the engine, bit for bit."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from search import Crop, PictureError, QueryError, Text
from search.client import Client
from search.config import IdentifyConfig
from search.engine import SearchEngine
from search.errors import EncoderError, FilterError, MissingPictureError, TwinlensError
from search.pictures.thumbnails import jpeg, thumbnail
from search.types import Answer
from tests.conftest import draw
from tests.people import photograph
from tests.service.conftest import OverAsgi

PICTURE = "pictures/label1/0001.png"
OTHER = "pictures/label2/0005.png"
OPTIONS: list[dict[str, Any]] = [
    {},
    {"k": 1},
    {"k": 3, "where": "label = label1"},
    {"where": ["width > 10", "price < 1.5 or sold = true"]},
    {"where": {"label": ["label0", "label2"], "day": "2024-02-29"}},
    {"where": {"note": None}},
    {"where": "seen >= 2025-01-03 and note glob 'día*'"},
    {"collapse": True},
    {"radius": 1.1, "k": 2},
    {"radius": 0.0},
    {"diversity": 0.5, "k": 4},
    {"liked": [3, 4], "disliked": [5]},
    {"k": 1000},
]
OF_ONE: list[dict[str, Any]] = [{"same_only": True}, {"same_only": True, "radius": 1.9, "k": 2}]


@pytest.fixture(scope="module")
def client(served: TestClient) -> Client:
    return Client("http://localhost", transport=OverAsgi(served))


@pytest.fixture(scope="module")
def two(collection: Path) -> tuple[bytes, bytes]:
    return (collection / PICTURE).read_bytes(), (collection / OTHER).read_bytes()


def b64(data: bytes) -> dict[str, str]:
    return {"picture": base64.b64encode(data).decode()}


def plain(answer: Answer) -> dict[str, Any]:
    """What the service says of an answer, apart from times; through JSON, so that floats are compared by their text."""
    said = {"hits": [hit.to_dict() for hit in answer.hits], "weak": answer.weak, "cut_off": answer.cut_off}
    if answer.audit is not None:
        said["audit"] = untimed(answer.audit.to_dict())
    return json.loads(json.dumps(said))


def untimed(audit: dict[str, Any]) -> dict[str, Any]:
    segments = [{k: v for k, v in each.items() if not k.endswith("_ms")} for each in audit["segments"]]
    return {**{k: v for k, v in audit.items() if k != "milliseconds"}, "segments": segments}


def said(answer: dict[str, Any]) -> dict[str, Any]:
    parts = {name: answer[name] for name in ("hits", "weak", "cut_off")}
    return parts if answer["audit"] is None else {**parts, "audit": untimed(answer["audit"])}


def same_answer(one: Answer, other: Answer) -> bool:
    return one.hits == other.hits and plain(one) == plain(other)


def searched(served: TestClient, **body: Any) -> dict[str, Any]:
    answer = served.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return said(answer.json())


@pytest.mark.parametrize("options", [*OPTIONS, *OF_ONE], ids=str)
def test_one_picture(
    options: dict[str, Any], served: TestClient, engine: SearchEngine, client: Client, two: tuple[bytes, bytes]
) -> None:
    expected = engine.ask(two[0], **options)
    assert searched(served, query=b64(two[0]), **options) == plain(expected)
    files = {"picture": ("any.name", two[0]), "options": (None, json.dumps(options), "application/json")}
    assert said(served.post("/v1/search", files=files).json()) == plain(expected)
    assert same_answer(client.ask(two[0], **options), expected)
    assert client.search(two[0], **options) == expected.hits
    many = engine.search_many(two, **options)
    batch = served.post("/v1/search:batch", json={"queries": [b64(each) for each in two], **options}).json()
    assert [each["hits"] for each in batch["answers"]] == json.loads(
        json.dumps([[hit.to_dict() for hit in hits] for hits in many])
    )
    assert client.search_many(two, **options) == many


@pytest.mark.parametrize("options", [*OPTIONS, *OF_ONE], ids=str)
def test_an_id_and_a_vector(options: dict[str, Any], served: TestClient, engine: SearchEngine, client: Client) -> None:
    vectors = engine.vectors_of([3, 9])
    expected = engine.ask_vectors(vectors, **options, audit=True)
    assert searched(served, query={"id": 3}, **options, audit=True) == plain(expected[0])
    assert searched(served, query={"vector": vectors[1].tolist()}, **options, audit=True) == plain(expected[1])
    assert all(map(same_answer, client.ask_vectors(vectors, **options, audit=True), expected))
    assert client.search_id(3, **options) == engine.search_id(3, **options) == expected[0].hits
    hits = engine.search_vectors(vectors, **options)
    assert client.search_vectors(vectors, **options) == hits
    by_id = served.post("/v1/search:batch", json={"queries": [{"id": 3}, {"id": 9}], **options}).json()["answers"]
    assert [[hit["distance"] for hit in each["hits"]] for each in by_id] == [
        [h.distance for h in each] for each in hits
    ]


def test_numbers_of_numpy(engine: SearchEngine, client: Client) -> None:
    options: dict[str, Any] = {"radius": np.float32(1.5), "diversity": np.float64(0.25), "liked": [np.int64(4)]}
    for ask in (engine, client):
        assert ask.search_id(3, np.int64(5), **options) == engine.search_id(3, 5, radius=1.5, diversity=0.25, liked=[4])  # type: ignore[arg-type]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_several_together(
    options: dict[str, Any], served: TestClient, engine: SearchEngine, client: Client, two: tuple[bytes, bytes]
) -> None:
    third = (Path(engine.folder).parent / "pictures/label0/0003.png").read_bytes()
    for words in ({}, {"weights": [2.5, 0.125]}, {"views": True}, {"audit": True}):
        expected = engine.ask_together(two, without=[third], **words, **options)
        body = {"query": [b64(each) for each in two], "without": [b64(third)], **words, **options}
        assert searched(served, **body) == plain(expected)
        assert same_answer(client.ask_together(two, without=[third], **words, **options), expected)
    files = [("picture", two[0]), ("picture", two[1]), ("without", third)]
    form = [(name, ("x", data)) for name, data in files] + [("options", (None, json.dumps(options)))]
    expected = engine.ask_together(two, without=[third], **options)
    assert said(served.post("/v1/search", files=form).json()) == plain(expected)
    assert client.search_together(two, without=[third], **options) == expected.hits


def test_crop_views_without_and_audit(
    served: TestClient, engine: SearchEngine, client: Client, two: tuple[bytes, bytes]
) -> None:
    crop = Crop(0.1, 0.2, 0.7, 1)
    for words in (
        {"crop": crop},
        {"views": True},
        {"without": [two[1]]},
        {"audit": True},
        {"crop": crop, "views": True, "without": [two[1], two[0][:0] or two[1]], "audit": True, "k": 4},
    ):
        expected = engine.ask(two[0], **words)
        body = {**words, "without": [b64(each) for each in words.get("without", [])]}
        if "crop" in words:
            body["crop"] = list(crop.ends)
        assert searched(served, query=b64(two[0]), **body) == plain(expected)
        assert same_answer(client.ask(two[0], **words), expected)


def test_embeddings(
    served: TestClient, engine: SearchEngine, client: Client, two: tuple[bytes, bytes], collection: Path
) -> None:
    expected = engine.embed_many(two)
    answer = served.post("/v1/embed", json={"pictures": [b64(each)["picture"] for each in two]}).json()
    assert (np.array(answer["embeddings"], np.float32) == expected).all()
    assert (answer["dim"], answer["fingerprint"]) == (engine.dim, engine.fingerprint)
    form = served.post("/v1/embed", files=[("picture", ("x", each)) for each in two]).json()
    assert form["embeddings"] == answer["embeddings"]
    image = Image.open(collection / PICTURE)
    pictures = [collection / PICTURE, str(collection / OTHER), two[0], image, np.asarray(image), draw(3, (900, 700))]
    assert (client.embed_many(pictures) == engine.embed_many(pictures)).all()
    assert (client.embed(collection / PICTURE) == engine.embed(two[0])).all()
    assert client.embed_many([]).shape == engine.embed_many([]).shape
    with (collection / PICTURE).open("rb") as stream:
        assert (client.embed(stream) == expected[0]).all()
    assert (client.dim, client.fingerprint, client.embeds_text) == (engine.dim, engine.fingerprint, engine.embeds_text)
    assert (client.vector(3) == engine.vector(3)).all()
    assert (client.vectors_of([9, 3, 9]) == engine.vectors_of([9, 3, 9])).all()
    assert client.vectors_of([]).shape == engine.vectors_of([]).shape
    records, vectors = client.vectors()
    assert records == engine.vectors()[0]
    assert (vectors == engine.vectors()[1]).all()


def test_verification(served: TestClient, engine: SearchEngine, client: Client, two: tuple[bytes, bytes]) -> None:
    a, b = two
    for other in (b, [b], [a, b], (b, a)):
        for references in ("mean", "best"):
            expected = engine.verify(a, other, references)
            assert client.verify(a, other, references) == expected
            sent = [b64(each)["picture"] for each in other] if isinstance(other, list | tuple) else b64(b)["picture"]
            body = {"a": b64(a)["picture"], "b": sent, "references": references}
            assert served.post("/v1/verify", json=body).json() == json.loads(json.dumps(expected.to_dict()))
    form = served.post("/v1/verify", files=[("a", ("x", a)), ("b", ("x", b)), ("b", ("x", a))]).json()
    assert form == json.loads(json.dumps(engine.verify(a, [b, a]).to_dict()))


def test_identification(
    served: TestClient, engine: SearchEngine, client: Client, two: tuple[bytes, bytes], tmp_path: Path
) -> None:
    for path in (photograph(tmp_path, 1, shot=2), photograph(tmp_path, 9)):
        for config in (IdentifyConfig(), IdentifyConfig("mean", None, 0.2, 2), IdentifyConfig(max_false_accept=0.01)):
            expected = engine.identify(path, config)
            assert client.identify(path, config) == expected
            body = {"picture": b64(path.read_bytes())["picture"], **asdict(config)}
            assert served.post("/v1/identify", json=body).json() == json.loads(json.dumps(expected.to_dict()))
        form = served.post("/v1/identify", files={"picture": path.read_bytes()}).json()
        assert form == json.loads(json.dumps(engine.identify(path).to_dict()))
    assert client.identities() == engine.identities()
    assert served.get("/v1/identities").json() == {"identities": [each.to_dict() for each in engine.identities()]}


def test_explanations(served: TestClient, engine: SearchEngine, client: Client, two: tuple[bytes, bytes]) -> None:
    expected = engine.explain(*two)
    explained = client.explain(*two)
    assert explained.to_dict() == expected.to_dict()
    for one, other in ((explained.a, expected.a), (explained.b, expected.b)):
        assert one.area == other.area
        assert one.values.dtype == other.values.dtype
        assert np.array_equal(one.values, other.values)
    plain = json.loads(json.dumps(expected.to_dict()))
    body = {name: b64(data)["picture"] for name, data in zip("ab", two, strict=True)}
    assert served.post("/v1/explain", json=body).json() == plain
    assert served.post("/v1/explain", files={"a": two[0], "b": two[1]}).json() == plain
    for wrong in ({"a": body["a"]}, {}):
        assert served.post("/v1/explain", json=wrong).status_code == 422
    assert served.post("/v1/explain", files=[("a", two[0]), ("a", two[0]), ("b", two[1])]).status_code == 422


def test_reference_pictures(served: TestClient, engine: SearchEngine, client: Client) -> None:
    for identity in engine.identities():
        for number, path in enumerate(identity.templates):
            assert client.reference(identity.name, number, 64) == jpeg(thumbnail(path, 64), 88)
            sent = served.get("/v1/identities/reference", params={"name": identity.name, "number": number})
            assert sent.headers["cache-control"] == "no-store", "another picture can get this address"
    for name, number in (("Nobody", 0), (engine.identities()[0].name, 1), ("a/../b", 0)):
        with pytest.raises(QueryError, match=r"enrolled|number 1"):
            client.reference(name, number)
    path = engine.identities()[0].templates[0]
    moved = path.rename(path.with_suffix(".away"))
    try:
        with pytest.raises(PictureError, match=path.name):
            client.reference(engine.identities()[0].name)
    finally:
        moved.rename(path)
    for wrong in ({}, {"name": "Ada", "number": -1}, {"name": "Ada", "side": 0}, {"name": "Ada", "side": 10**6}):
        assert served.get("/v1/identities/reference", params=wrong).status_code == 422


def test_what_the_index_holds(served: TestClient, engine: SearchEngine, client: Client) -> None:
    assert len(client) == len(engine)
    assert client.pictures() == engine.pictures()
    assert client.pictures(after=4, limit=5) == engine.pictures(after=4, limit=5)
    assert client.pictures(limit=0) == engine.pictures(limit=0) == []
    for ids in ([9, 3, 9, 7, 10**30, -1], [], list(range(2500))):
        assert client.pictures_of(ids) == engine.pictures_of(ids)
    known = {record.id: record for record in engine.pictures()}
    assert engine.pictures_of([9, 3, 9, 7, 10**30, -1]) == [known[3], known[9]]
    assert client.picture(3) == engine.picture(3)
    assert client.labels() == engine.labels()
    assert client.columns() == engine.columns()
    for where in (None, "price > 1", ["price > 1", "sold = true"], {"label": "label1"}, {"day": date(2024, 2, 29)}):
        assert client.ids(where) == engine.ids(where)
        assert client.count(where) == engine.count(where)
    ids = engine.ids()
    assert client.metadata(ids) == engine.metadata(ids)
    for column in ("label", "price", "stock", "sold", "day", "seen", "note", "taken", "id", "width"):
        assert client.values(column) == engine.values(column)
    assert client.texts("note", 5) == engine.texts("note", 5)
    assert client.info() == engine.info()
    assert client.calibration == engine.calibration
    assert client.cut_points == engine.cut_points
    kept, expected = client.map(), engine.map()
    assert kept is not None
    assert expected is not None
    for name in ("ids", "positions", "clusters", "placed"):
        assert (getattr(kept, name) == getattr(expected, name)).all()
        assert getattr(kept, name).dtype == getattr(expected, name).dtype
    assert (kept.names, kept.removed, kept.method) == (expected.names, expected.removed, expected.method)
    one = served.get("/v1/pictures/3").json()
    assert one["metadata"]["seen"] == engine.metadata([3])[3]["seen"].isoformat()  # type: ignore[union-attr]
    assert served.get("/v1/pictures/3/image").content == Path(one["path"]).read_bytes()
    assert client.image(3) == Path(one["path"]).read_bytes()
    assert client.thumbnail(3, 16).startswith(b"\xff\xd8")
    assert client.refresh() is client
    assert client.stale is False


def test_more_than_one_request_may_have(
    engine: SearchEngine, client: Client, two: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [two[0], two[1]] * 40
    vectors = engine.embed_many(many)
    assert (client.embed_many(many) == vectors).all()
    assert client.search_many(many, 2) == engine.search_many(many, 2)
    again = np.tile(vectors, (2, 1))
    assert client.search_vectors(again, 2) == engine.search_vectors(again, 2)
    assert (client.vectors_of([3, 9] * 600) == engine.vectors_of([3, 9] * 600)).all()
    assert client.metadata(list(range(2500))) == engine.metadata(list(range(2500)))
    monkeypatch.setattr("search.client.pictures.MOST_BYTES", len(two[0]) * 4)
    for broken in (0, 5):
        wrong = [*many[:broken], io.BytesIO(b"nothing"), *many[broken + 1 : 9]]
        wrong[broken].name = "the one"  # type: ignore[union-attr]
        for use in (client.embed_many, client.search_many):
            with pytest.raises(PictureError, match="the one: not a picture"):
                use(wrong)  # type: ignore[operator]
    assert (client.embed_many(many[:9]) == vectors[:9]).all()


def errors() -> dict[str, Callable[[Any, bytes], object]]:
    broken = b"no picture at all"
    unit = np.zeros((1, 286), np.float32)
    return {
        "k": lambda e, good: e.search(good, 0),
        "k of an id": lambda e, good: e.search_id(1, -3),
        "filter": lambda e, good: e.search(good, where="label = "),
        "column": lambda e, good: e.search(good, where="colour = red"),
        "filter of a batch": lambda e, good: e.search_many([good], where="a b c"),
        "mapping": lambda e, good: e.search(good, where={"colour": 3}),
        "radius": lambda e, good: e.search(good, radius=2.5),
        "diversity": lambda e, good: e.search(good, diversity=-0.1),
        "liked and disliked": lambda e, good: e.search(good, liked=[1], disliked=[1]),
        "liked": lambda e, good: e.search(good, liked=[99999]),
        "id": lambda e, good: e.search_id(99999),
        "large id": lambda e, good: e.search_id(10**30),
        "removed": lambda e, good: e.picture(7),
        "vector": lambda e, good: e.vector(10**20),
        "same only": lambda e, good: e.search_together([good, good], same_only=True),
        "weights": lambda e, good: e.search_together([good, good], weights=[1.0, -1.0]),
        "number of weights": lambda e, good: e.search_together([good, good], weights=[1.0, 1.0, 1.0]),
        "nothing": lambda e, good: e.search_together([]),
        "length": lambda e, good: e.search_vectors(unit[:, :5]),
        "unit": lambda e, good: e.search_vectors(unit),
        "text": lambda e, good: e.search_text("a cat"),
        "texts": lambda e, good: e.search(Text("a"), crop=Crop(0, 0, 1, 0.5)),
        "embed text": lambda e, good: e.embed_text("a cat"),
        "views": lambda e, good: e.search(Text("a"), views=True),
        "broken": lambda e, good: e.search(broken),
        "empty": lambda e, good: e.search(b""),
        "truncated": lambda e, good: e.embed(good[: len(good) // 2]),
        "one of several": lambda e, good: e.search_together([good, broken]),
        "one of many": lambda e, good: e.search_many([good, broken]),
        "without": lambda e, good: e.search(good, without=[broken]),
        "missing": lambda e, good: e.search("/nowhere/at/all.jpg"),
        "references": lambda e, good: e.verify(good, []),
        "explain": lambda e, good: e.explain(good, broken),
        "broken reference": lambda e, good: e.verify(good, [good, broken]),
        "threshold": lambda e, good: e.identify(good, IdentifyConfig(threshold=3.0)),
        "rate": lambda e, good: e.identify(good, IdentifyConfig(max_false_accept=2.0)),
        "poor": lambda e, good: e.identify(draw(1, (8, 8))),
        "count": lambda e, good: e.count("nothing is null"),
        "ids": lambda e, good: e.ids("label >"),
        "values": lambda e, good: e.values("nothing"),
        "texts of a number": lambda e, good: e.texts("price", 3),
        "most": lambda e, good: e.texts("note", 0),
        "limit": lambda e, good: e.pictures(limit=-2),
    }


@pytest.mark.parametrize("name", errors())
def test_errors_are_those_of_the_engine(
    name: str, engine: SearchEngine, client: Client, two: tuple[bytes, bytes]
) -> None:
    use = errors()[name]
    with pytest.raises(TwinlensError) as expected:
        use(engine, two[0])
    with pytest.raises(type(expected.value)) as raised:
        use(client, two[0])
    assert type(raised.value) is type(expected.value)
    assert str(raised.value) == str(expected.value)


def test_the_errors_above_are_of_every_kind(engine: SearchEngine, two: tuple[bytes, bytes]) -> None:
    kinds = set()
    for use in errors().values():
        with pytest.raises(TwinlensError) as raised:
            use(engine, two[0])
        kinds.add(type(raised.value))
    assert kinds == {QueryError, FilterError, PictureError, MissingPictureError, EncoderError}


def test_the_client_has_the_methods_of_an_engine() -> None:
    local = {"catalog", "segments", "chosen", "encoder", "gallery", "folder", "after_fork"}
    public = {name for name in vars(SearchEngine) if not name.startswith("_")}
    assert public - local <= set(dir(Client))
