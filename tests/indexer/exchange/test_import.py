"""Importing vectors: the answers of the index, and errors."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.build import build
from indexer.collection.remove import remove
from indexer.exchange import storing
from indexer.exchange.config import ImportConfig
from indexer.exchange.import_vectors import import_vectors
from indexer.health.check import check
from indexer.pipeline import matrix
from indexer.pipeline.lock import writer_lock
from search import DataError, EncoderError, IndexFolderError, IndexLockedError, open_index
from search.encoders import load_encoder
from search.indexes import KINDS
from search.pictures.decode import load_picture
from tests.conftest import FAST, draw, fill
from tests.indexer.exchange.conftest import QUICK, brute_force, unit

Ten = tuple[Path, Path, np.ndarray]


def paths_of(index: Path) -> list[str]:
    with open_index(index) as engine:
        return [str(record.path) for record in engine.pictures()]


@pytest.mark.parametrize("kind", KINDS)
def test_answers_match_brute_force(kind: str, tmp_path: Path) -> None:
    vectors = unit(300, 16)
    vectors[7] = vectors[3]
    np.save(tmp_path / "v.npy", vectors)
    (tmp_path / "v.txt").write_text("".join(f"{n}.jpg\n" for n in range(300)))
    config = replace(QUICK, paths=tmp_path / "v.txt", kind=kind, recall=1.0)
    report = import_vectors(tmp_path / "v.npy", tmp_path / "i", config)
    assert (report.added, report.images, report.kind, report.segments) == (300, 300, kind, 1)
    assert check(tmp_path / "i") == []
    with open_index(tmp_path / "i", device="cpu") as engine:
        for n, query in enumerate(unit(12, 16, seed=1)):
            hits = engine.search_vectors(query, 5)[0]
            expected = brute_force(vectors, query, 5)
            assert [hit.id - 1 for hit in hits] == [row for row, _ in expected], n
            assert [hit.distance for hit in hits] == pytest.approx([d for _, d in expected], abs=1e-6)
        assert [hit.id for hit in engine.search_id(4, 2)] == [4, 8], "equal vectors are no mistake"


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_types(ten: Ten, tmp_path: Path, dtype: object, order: str) -> None:
    np.save(tmp_path / "other.npy", np.asarray(ten[2].astype(dtype), order=order))
    import_vectors(tmp_path / "other.npy", tmp_path / "i", replace(QUICK, paths=ten[1]))
    with open_index(tmp_path / "i") as engine:
        np.testing.assert_allclose(engine.vectors()[1], ten[2], atol=2e-3)


def test_normalize_is_reported(ten: Ten, tmp_path: Path) -> None:
    np.save(tmp_path / "long.npy", ten[2] * np.arange(1, 11)[:, None])
    config = replace(QUICK, paths=ten[1])
    with pytest.raises(DataError, match=r"long\.npy: row 1 .* length 2 instead of 1: --normalize"):
        import_vectors(tmp_path / "long.npy", tmp_path / "i", config)
    assert not (tmp_path / "i").exists()
    report = import_vectors(tmp_path / "long.npy", tmp_path / "i", replace(config, normalize=True))
    assert any("9 vectors were not of unit length" in note for note in report.notes)
    with open_index(tmp_path / "i") as engine:
        np.testing.assert_allclose(engine.vectors()[1], ten[2], atol=1e-6)


def test_lists_of_paths(ten: Ten, tmp_path: Path) -> None:
    odd = os.fsdecode(b"/abs/caf\xe9.jpg")
    names = ["a.jpg", "b/../c.jpg", odd, "/abs/x.jpg", "\U0001f600.jpg", "f", "g", "h", "i", "j "]
    expected = [
        str(tmp_path / "a.jpg"),
        str(tmp_path / "c.jpg"),
        odd,
        "/abs/x.jpg",
        *(str(tmp_path / name) for name in names[4:]),
    ]
    plain = ["bytes:/abs/caf%E9.jpg" if name == odd else name for name in names]
    (tmp_path / "l.txt").write_bytes(os.fsencode("\r\n".join(names)))
    (tmp_path / "l.csv").write_text("label,path\n" + "".join(f'l{n % 2},"{p}"\n' for n, p in enumerate(plain)))
    lines = [json.dumps({"path": p, "label": None if n else "first"}) for n, p in enumerate(plain)]
    (tmp_path / "l.jsonl").write_text("\n".join(lines))
    for suffix in ("txt", "csv", "jsonl"):
        config = replace(QUICK, paths=tmp_path / f"l.{suffix}")
        import_vectors(ten[0], tmp_path / suffix, config)
        assert paths_of(tmp_path / suffix) == expected
    with open_index(tmp_path / "csv") as engine:
        assert engine.labels() == {"l0": 5, "l1": 5}
    with open_index(tmp_path / "jsonl") as engine:
        assert engine.labels() == {"first": 1}
        assert [hit.id for hit in engine.search_id(3, 10, where="label = first")] == [1]
    import_vectors(ten[0], tmp_path / "r", replace(QUICK, paths=tmp_path / "l.txt", root=tmp_path / "root"))
    assert paths_of(tmp_path / "r")[0] == str(tmp_path / "root" / "a.jpg")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("l.txt", "\n".join("abcdefghi"), "names 9 pictures, but .* has 10 rows"),
        ("l.txt", "\n".join("abcdefghijkl"), "names 12 pictures, but .* has 10 rows"),
        ("l.txt", "", "names 0 pictures"),
        ("l.txt", "\n".join("abcdefghia"), r"rows 0 and 9 \(counted from 0\) are both of .*/a\."),
        ("l.txt", "a\nb\nc\nx/../b" + "\nd" * 6, "rows [14] and [345]"),
        ("l.txt", "a\n\nc\nd\ne\nf\ng\nh\ni\nj", "row 1 .*: '' is not a path"),
        ("l.txt", "a\0b" + "\nd" * 9, r"row 0 .* is not a path"),
        ("l.csv", "name\na\n", "lacks the column path"),
        ("l.csv", 'path\n"a', "CSV"),
        ("l.csv", "path\n" + "\n".join("abcdefghi"), "names 9"),
        ("l.jsonl", '{"path": "a"}\n{"label": "b"}\n' * 5, "row 1 .*: None is not a path"),
        ("l.jsonl", '{"path": 5}\n' * 10, ": 5 is not a path"),
        ("l.jsonl", "nonsense\n" * 10, "line 1: is not JSON"),
        ("l.jsonl", "[1]\n" * 10, "not a JSON object"),
        ("l.jsonl", '{"path": "\\ud800"}\n' * 10, "is not a path"),
        ("none.txt", None, "cannot be read"),
    ],
)
def test_invalid_lists(ten: Ten, tmp_path: Path, name: str, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=says):
        import_vectors(ten[0], tmp_path / "i", replace(QUICK, paths=tmp_path / name))
    assert not (tmp_path / "i").exists(), "nothing was made"


def test_invalid_files(ten: Ten, tmp_path: Path) -> None:
    with_paths = replace(QUICK, paths=ten[1])
    np.save(tmp_path / "int.npy", np.ones((10, 4), dtype=np.int8))
    np.save(tmp_path / "flat.npy", np.ones(10, dtype=np.float32))
    np.save(tmp_path / "object.npy", np.array([{}] * 10), allow_pickle=True)
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "cut.npy").write_bytes(ten[0].read_bytes()[:-9])
    np.savez(tmp_path / "zip.npz", a=ten[2])
    (tmp_path / "zip.npz").rename(tmp_path / "zip.npy")
    bad = ten[2].copy()
    bad[6, 1] = np.nan
    np.save(tmp_path / "nan.npy", bad)
    bad[6] = 0
    np.save(tmp_path / "zero.npy", bad)
    says = dict.fromkeys(("object", "text", "cut"), "cannot be read")
    says |= {"int": "int8", "flat": "shape", "nan": "row 6", "zip": "one array", "zero": "row 6 .* all zeros"}
    says["missing"] = "no such file"
    for name, message in says.items():
        with pytest.raises(DataError, match=message):
            import_vectors(tmp_path / f"{name}.npy", tmp_path / "i", with_paths)
    with pytest.raises(DataError, match="--paths"):
        import_vectors(ten[0], tmp_path / "i", QUICK)
    with pytest.raises(DataError, match=r"is not a \.npy file"):
        import_vectors(ten[1], tmp_path / "i", with_paths)
    with pytest.raises(DataError, match=r"export\.json"):
        import_vectors(tmp_path, tmp_path / "i", QUICK)
    assert not (tmp_path / "i").exists()


def test_the_encoder_must_be_named(ten: Ten, tmp_path: Path) -> None:
    config = ImportConfig(paths=ten[1], device="cpu")
    with pytest.raises(EncoderError, match="--encoder NAME"):
        import_vectors(ten[0], tmp_path / "i", config)
    with pytest.raises(EncoderError, match=r"unknown encoder 'klip'.*--foreign"):
        import_vectors(ten[0], tmp_path / "i", replace(config, encoder="klip"))
    with pytest.raises(DataError, match="vectors of 8 dimensions, but color-layout makes vectors of"):
        import_vectors(ten[0], tmp_path / "i", replace(config, encoder="color-layout"))
    for name in ("", " ", "a\nb", "x" * 101):
        with pytest.raises(EncoderError):
            import_vectors(ten[0], tmp_path / "i", replace(config, encoder=name, foreign=True))
    assert not (tmp_path / "i").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(IndexFolderError):
        import_vectors(ten[0], tmp_path / "file" / "i", replace(QUICK, paths=ten[1]))


def test_importing_into_an_existing_index(ten: Ten, tmp_path: Path) -> None:
    index, config = tmp_path / "i", replace(QUICK, paths=ten[1])
    import_vectors(ten[0], index, config)
    again = import_vectors(ten[0], index, replace(config, encoder="clip-vit-b32", foreign=False))
    assert (again.added, again.unchanged, again.kind) == (0, 10, None), "the index knows the name"
    assert again.segments == 1, "there was nothing to commit"
    more = unit(10, seed=5)
    more[:4] = ten[2][:4]
    np.save(tmp_path / "more.npy", more)
    (tmp_path / "more.txt").write_text("".join(f"shots/{n}.jpg\n" for n in [0, 1, 2, 3, 20, 21, 9, 8, 22, 23]))
    config = replace(config, paths=tmp_path / "more.txt")
    with pytest.raises(DataError, match=r"shots/9\.jpg is in the index with another vector.*--replace"):
        import_vectors(tmp_path / "more.npy", index, config)
    assert len(paths_of(index)) == 10
    report = import_vectors(tmp_path / "more.npy", index, replace(config, replace=True))
    assert (report.added, report.changed, report.unchanged, report.images) == (4, 2, 4, 14)
    assert check(index) == []
    with open_index(index) as engine:
        assert [record.id for record in engine.pictures()] == [*range(1, 11), 11, 12, 13, 14]
        assert engine.picture(10).path.name == "9.jpg"
        np.testing.assert_array_equal(engine.vector(10), more[6])
        np.testing.assert_array_equal(engine.vector(9), more[7])
        assert [engine.search_id(key, 1)[0].id for key in engine.ids()] == engine.ids()
        rows = [engine.picture(key).row for key in (9, 10, 11, 12, 13, 14)]
        assert rows == [0, 1, 2, 3, 4, 5], "rows ascend with ids"


@pytest.mark.parametrize("moment", ["write_blocks", "_record", "_put_metadata"])
def test_a_failed_import_does_not_change_the_index(
    ten: Ten, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    index, config = tmp_path / "i", replace(QUICK, paths=ten[1])
    import_vectors(ten[0], index, config)
    more = unit(10, seed=5)
    np.save(tmp_path / "more.npy", more)
    (tmp_path / "more.txt").write_text("".join(f"shots/{n}.jpg\n" for n in range(5, 15)))
    config = replace(config, paths=tmp_path / "more.txt", replace=True)
    works, calls = getattr(storing, moment), []

    def dies(*words: object) -> object:
        calls.append(1)
        if len(calls) == (3 if moment != "write_blocks" else 1):
            raise KeyboardInterrupt
        return works(*words)

    monkeypatch.setattr(storing, "chunk_rows", lambda dim: 3)
    monkeypatch.setattr(storing, moment, dies)
    before = {path for path in index.rglob("*") if path.name != "catalog.sqlite-shm"}
    for target in (index, tmp_path / "new"):
        calls.clear()
        with pytest.raises(KeyboardInterrupt):
            import_vectors(tmp_path / "more.npy", target, config)
    assert {path for path in index.rglob("*") if path.name != "catalog.sqlite-shm"} == before, "nothing is left behind"
    assert check(index) == []
    with open_index(index) as engine:
        np.testing.assert_array_equal(engine.vectors()[1], ten[2])
    with pytest.raises(IndexFolderError, match="not finished"):
        open_index(tmp_path / "new")
    monkeypatch.setattr(storing, moment, works)
    assert import_vectors(tmp_path / "more.npy", tmp_path / "new", config).added == 10
    report = import_vectors(tmp_path / "more.npy", index, config)
    assert (report.added, report.changed, len(report.paths["changed"])) == (5, 5, 5)
    assert check(index) == []
    with open_index(index) as engine:
        np.testing.assert_array_equal(engine.vectors()[1], np.vstack([ten[2][:5], more]))


def test_one_writer_at_a_time(ten: Ten, tmp_path: Path) -> None:
    import_vectors(ten[0], tmp_path / "i", replace(QUICK, paths=ten[1]))
    with writer_lock(tmp_path / "i"), pytest.raises(IndexLockedError):
        import_vectors(ten[0], tmp_path / "i", replace(QUICK, paths=ten[1]))


# Vectors of an available encoder -------------------------------------------------------------------------------------


@pytest.fixture
def embedded(pictures: Path, tmp_path: Path) -> ImportConfig:
    """The vectors of the pictures, made by color-layout without an index."""
    paths = sorted(pictures.rglob("*.png"))
    encoder = load_encoder("color-layout")
    vectors = encoder.encode([load_picture(path, target=encoder.input_size) for path in paths])
    np.save(tmp_path / "v.npy", vectors)
    (tmp_path / "v.csv").write_text("path,label\n" + "".join(f"{path},{path.parent.name}\n" for path in paths))
    return ImportConfig(encoder="color-layout", paths=tmp_path / "v.csv", device="cpu")


def test_pictures_can_be_queries(embedded: ImportConfig, pictures: Path, index: Path, tmp_path: Path) -> None:
    import_vectors(tmp_path / "v.npy", tmp_path / "i", embedded)
    assert check(tmp_path / "i") == []
    draw(3, (64, 64)).save(tmp_path / "query.png")
    with open_index(tmp_path / "i") as engine, open_index(index) as other:
        assert engine.fingerprint == other.fingerprint
        for picture in [tmp_path / "query.png", *pictures.rglob("*.png")]:
            ours, theirs = engine.search(picture), other.search(picture)
            assert [(hit.path, hit.label) for hit in ours] == [(hit.path, hit.label) for hit in theirs]
            assert [h.distance for h in ours] == pytest.approx([h.distance for h in theirs], abs=1e-6)
    assert import_vectors(tmp_path / "v.npy", index, embedded).unchanged == 12, "the vectors are the same"
    vectors = np.load(tmp_path / "v.npy")
    np.save(tmp_path / "v.npy", np.roll(vectors, 1, axis=0))
    assert import_vectors(tmp_path / "v.npy", index, replace(embedded, replace=True)).changed == 12
    assert check(index) == []


def test_imported_pictures_are_embedded_by_a_later_build(
    embedded: ImportConfig, pictures: Path, tmp_path: Path
) -> None:
    import_vectors(tmp_path / "v.npy", tmp_path / "i", embedded)
    with open_index(tmp_path / "i") as engine:
        assert {(record.bytes, record.mtime_ns, record.width) for record in engine.pictures()} == {(0, 0, 0)}
        assert all(record.content.startswith("vector:") for record in engine.pictures())
        ids = engine.ids()
    report = build(pictures, tmp_path / "i", FAST)
    assert (report.embedded, report.changed, report.added, report.removed) == (12, 12, 0, 0)
    with open_index(tmp_path / "i") as engine:
        assert engine.ids() == ids
        assert {record.width for record in engine.pictures()} == {48}
    assert check(tmp_path / "i") == []


def test_files_that_were_read_are_not_embedded_again(
    embedded: ImportConfig, pictures: Path, index: Path, tmp_path: Path
) -> None:
    gone, broken = pictures / "label0" / "0000.png", pictures / "label1" / "0001.png"
    gone.unlink()
    broken.write_bytes(b"no picture")
    report = import_vectors(tmp_path / "v.npy", tmp_path / "i", replace(embedded, hash_files=True))
    assert any("10 of 12 pictures exist and were read" in note for note in report.notes)
    with open_index(tmp_path / "i") as engine, open_index(index) as other:
        theirs = {record.path: record for record in other.pictures()}
        for record in engine.pictures():
            if record.path in (gone, broken):
                assert (record.bytes, record.content[:7]) == (0, "vector:")
            else:
                expected = theirs[record.path]
                assert (record.content, record.bytes, record.mtime_ns, record.width, record.height) == (
                    expected.content,
                    expected.bytes,
                    expected.mtime_ns,
                    expected.width,
                    expected.height,
                )
    again = import_vectors(tmp_path / "v.npy", tmp_path / "i", embedded)
    assert (again.unchanged, again.segments) == (12, 1), "whether files are read or not, vectors are compared"
    vectors = np.load(tmp_path / "v.npy")
    np.save(tmp_path / "other.npy", np.roll(vectors, 1, axis=0))
    for hash_files in (True, False):
        with pytest.raises(DataError, match="another vector"):
            import_vectors(tmp_path / "other.npy", tmp_path / "i", replace(embedded, hash_files=hash_files))
    shutil.move(pictures / "label2" / "0002.png", pictures / "label2" / "moved.png")
    done = build(pictures, tmp_path / "i", FAST)
    assert (done.embedded, done.unchanged, done.moved, done.removed) == (0, 9, 1, 2)


def test_replaced_vectors_in_any_order(ten: Ten, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "i"
    import_vectors(ten[0], index, replace(QUICK, paths=ten[1]))
    monkeypatch.setattr(storing, "chunk_rows", lambda dim: 3)
    monkeypatch.setattr(matrix, "_IN_MEMORY", 0)
    named = np.random.default_rng(1).permutation(14).tolist()
    vectors = unit(14, seed=3)
    vectors[1::2] = vectors[0]  # ties are ordered by id
    np.save(tmp_path / "more.npy", vectors)
    (tmp_path / "more.txt").write_text("".join(f"shots/{n}.jpg\n" for n in named))
    report = import_vectors(tmp_path / "more.npy", index, replace(QUICK, paths=tmp_path / "more.txt", replace=True))
    assert (report.added, report.changed) == (4, 10)
    with open_index(index) as engine:
        ids = {record.path.name: record.id for record in engine.pictures()}
        rows = {record.id: record.row for record in engine.pictures()}
        assert [rows[key] for key in sorted(rows)] == list(range(14))
        for name, vector in zip(named, vectors, strict=True):
            np.testing.assert_array_equal(engine.vector(ids[f"{name}.jpg"]), vector)
        assert {ids[f"{name}.jpg"] for name in range(10)} == set(range(1, 11)), "they keep their ids"
        alike = sorted(ids[f"{name}.jpg"] for name in [named[0], *named[1::2]])
        assert [hit.id for hit in engine.search_vectors(vectors[0], 5)[0]] == alike[:5]
    assert list((index / "segments").glob("*.part")) == []
    assert check(index) == []


def test_removed_and_imported_again(embedded: ImportConfig, tmp_path: Path) -> None:
    import_vectors(tmp_path / "v.npy", tmp_path / "i", embedded)
    remove(tmp_path / "i", ids=[1, 12])
    assert import_vectors(tmp_path / "v.npy", tmp_path / "i", embedded).added == 2
    assert check(tmp_path / "i") == []
    fill(tmp_path / "more", 2, first=70)
    assert build(tmp_path / "more", tmp_path / "i", FAST).added == 2
