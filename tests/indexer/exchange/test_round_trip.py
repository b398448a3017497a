"""An exported and imported index gives the same answers as the original."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.build import build
from indexer.collection.remove import remove
from indexer.exchange import checking, plan, storing
from indexer.exchange.config import ExportConfig, Format, ImportConfig
from indexer.exchange.export import export
from indexer.exchange.import_vectors import import_vectors
from indexer.health.check import check
from indexer.metadata.load import load_metadata
from search import DataError, EncoderError, open_index
from search.indexes import KINDS
from search.store.catalog import Catalog
from tests.conftest import FAST, draw, fill
from tests.indexer.exchange.test_export import SHOP
from tests.people import calibration

PLAIN = ImportConfig(device="cpu")


def same_answers(one: Path, other: Path, pictures: list[Path]) -> None:
    with open_index(one) as a, open_index(other) as b:
        told = [(p.id, p.path, p.label, p.content, p.bytes, p.mtime_ns, p.width, p.height) for p in a.pictures()]
        assert told == [
            (p.id, p.path, p.label, p.content, p.bytes, p.mtime_ns, p.width, p.height) for p in b.pictures()
        ]
        assert a.columns() == b.columns()
        assert a.metadata(a.ids()) == b.metadata(b.ids())
        for picture in pictures:
            for where in (None, "label = label1", "price > 0 or ripe is null"):
                assert a.search(picture, 7, where=where) == b.search(picture, 7, where=where)
        for key in a.ids():
            assert a.search_id(key, 20) == b.search_id(key, 20)


@pytest.mark.thinned(3)
@pytest.mark.parametrize(("kind", "form"), [*zip(KINDS, ["parquet", "npy"] * 3, strict=False), ("flat", "npy")])
def test_every_kind(kind: str, form: Format, tmp_path: Path) -> None:
    pictures = fill(tmp_path / "p", 60)
    for copy in range(3):
        draw(7).save(tmp_path / "p" / f"copy{copy}.png")
    build(tmp_path / "p", tmp_path / "one", replace(FAST, kind=kind))
    (tmp_path / "shop.jsonl").write_text(SHOP)
    load_metadata(tmp_path / "one", tmp_path / "shop.jsonl", root=tmp_path / "p")
    export(tmp_path / "one", tmp_path / "out", ExportConfig(form))
    report = import_vectors(tmp_path / "out", tmp_path / "two", replace(PLAIN, kind=kind))
    assert (report.added, report.images, report.kind) == (63, 63, kind)
    assert check(tmp_path / "two") == []
    same_answers(tmp_path / "one", tmp_path / "two", pictures[:5])
    again = build(tmp_path / "p", tmp_path / "two", FAST)
    assert (again.unchanged, again.embedded) == (63, 0), "the files are known as if they had been embedded here"


@pytest.mark.parametrize("form", ["parquet", "npy"])
def test_after_removals_and_over_several_segments(
    pictures: Path, index: Path, tmp_path: Path, form: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.jsonl").write_text(SHOP)
    load_metadata(index, tmp_path / "shop.jsonl", root=pictures)
    fill(pictures, 8, first=20)
    build(pictures, index, FAST)
    remove(index, ids=[2, 3, 15])
    export(index, tmp_path / "out", ExportConfig(form))
    for module in (checking, plan, storing):
        monkeypatch.setattr(module, "chunk_rows", lambda dim: 4)
    assert import_vectors(tmp_path / "out", tmp_path / "two", PLAIN).added == 17
    assert check(tmp_path / "two") == []
    with open_index(tmp_path / "two") as engine:
        assert [segment.rows for segment in engine.info().segments] == [17]
    same_answers(index, tmp_path / "two", sorted(pictures.rglob("*.png"))[:4])


def test_a_parquet_file_alone(index: Path, tmp_path: Path) -> None:
    export(index, tmp_path / "out")
    alone = tmp_path / "alone.parquet"
    (tmp_path / "out" / "pictures.parquet").rename(alone)
    with pytest.raises(EncoderError, match="--encoder"):
        import_vectors(alone, tmp_path / "two", PLAIN)
    assert not (tmp_path / "two").exists()
    import_vectors(alone, tmp_path / "two", replace(PLAIN, encoder="color-layout"))
    same_answers(index, tmp_path / "two", [])
    assert import_vectors(alone, tmp_path / "two", PLAIN).unchanged == 12, "an index of its encoder needs no name"


def test_another_encoder_is_rejected(index: Path, tmp_path: Path) -> None:
    export(index, tmp_path / "out")
    for config in (replace(PLAIN, encoder="mine", foreign=True),):
        with pytest.raises(EncoderError, match="two encoders"):
            import_vectors(tmp_path / "out", tmp_path / "two", config)
    assert not (tmp_path / "two").exists()


def test_an_index_of_another_encoder_is_rejected(index: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.eye(4, dtype=np.float32))
    (tmp_path / "v.txt").write_text("a\nb\nc\nd\n")
    config = ImportConfig(encoder="mine", foreign=True, paths=tmp_path / "v.txt")
    import_vectors(tmp_path / "v.npy", tmp_path / "two", config)
    export(index, tmp_path / "out")
    with pytest.raises(EncoderError, match="Import into another folder"):
        import_vectors(tmp_path / "out", tmp_path / "two", PLAIN)
    with pytest.raises(EncoderError, match="Import into another folder"):
        import_vectors(tmp_path / "v.npy", index, config)
    assert check(tmp_path / "two") == []


def test_the_calibration_is_exported(index: Path, tmp_path: Path) -> None:
    catalog = Catalog.write(index)
    made = calibration(catalog.settings()["fingerprint"]).to_dict()
    with catalog.transaction():
        catalog.set(calibration=made)
    catalog.close()
    export(index, tmp_path / "out", ExportConfig("npy"))
    import_vectors(tmp_path / "out", tmp_path / "two", PLAIN)
    with open_index(index) as a, open_index(tmp_path / "two") as b:
        assert a.search_id(1) == b.search_id(1)
        assert b.search_id(1)[0].probability is not None


def test_into_an_index_that_has_some_of_them(index: Path, tmp_path: Path) -> None:
    export(index, tmp_path / "out", ExportConfig("npy"))
    remove(index, ids=[4, 5])
    report = import_vectors(tmp_path / "out", index, PLAIN)
    assert (report.added, report.unchanged, report.images) == (2, 10, 12)
    with open_index(index) as engine:
        assert engine.ids() == [1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14], "no id is given twice"
    assert check(index) == []


def test_an_empty_export_is_rejected(index: Path, tmp_path: Path) -> None:
    for form in ("parquet", "npy"):
        export(index, tmp_path / form, ExportConfig(form, "id > 100"))
        with pytest.raises(DataError, match=r"no vectors|shape \(0"):
            import_vectors(tmp_path / form, tmp_path / "two", PLAIN)
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("form", ["parquet", "npy"])
def test_a_damaged_export_is_rejected(index: Path, tmp_path: Path, form: Format) -> None:
    export(index, tmp_path / "out", ExportConfig(form))
    for path in sorted((tmp_path / "out").glob("*.*")):
        whole = path.read_bytes()
        for damaged in (b"", whole[: len(whole) // 2], whole[:20] + b"\xff\x00" + whole[22:]):
            path.write_bytes(damaged)
            with pytest.raises((DataError, EncoderError)):
                import_vectors(tmp_path / "out", tmp_path / "two", PLAIN)
        path.write_bytes(whole)
    manifest = tmp_path / "out" / "export.json"
    for old, new in (
        ('"count": 12', '"count": 11'),
        ('"version": 1', '"version": 2'),
        ('"dim": ', '"dim": 1'),
        ('"encoder": "color-layout"', '"encoder": null'),
    ):
        text = manifest.read_text()
        assert old in text
        if form == "npy" or "count" in old:
            manifest.write_text(text.replace(old, new))
            with pytest.raises(DataError):
                import_vectors(tmp_path / "out", tmp_path / "two", PLAIN)
            manifest.write_text(text)
    assert not (tmp_path / "two").exists()
