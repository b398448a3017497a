"""Groups of copies against a slow loop over the same vectors."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.duplicates import candidates, find_duplicates, grouping, neighbours, points
from search import IndexFolderError, QueryError, distance, open_index
from search.config import DuplicatesConfig
from tests.indexer.duplicates.reference import slow_groups, told
from tests.indexes_of_vectors import chord, clumps, index_of, on_circle, unit

KINDS = ("flat", "pq4", "hnsw", "hnsw8", "ivf", "ivfpq", "ivfpq4", "hnswlib", "turbovec")


def found(index, threshold, **config):
    return find_duplicates(index, DuplicatesConfig(threshold=threshold, device="cpu", **config))


def collection(count=90, seed=0):
    random = np.random.default_rng(seed)
    vectors = clumps(count, seed=seed)
    contents = [f"{number:04x}" for number in random.permutation(count)]
    for number in range(5, count, 23):
        contents[number], vectors[number] = contents[number - 1], vectors[number - 1]
    sizes = [(int(side), 10) for side in random.integers(1, 4, size=count)]
    return vectors, contents, sizes


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.2, 0.35, 0.7, 1.4, 2.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_groups_against_a_slow_loop(threshold, seed, tmp_path):
    vectors, contents, sizes = collection(seed=seed)
    index = index_of(tmp_path / "i", vectors, contents=contents, sizes=sizes)
    report = found(index, threshold)
    assert told(report) == slow_groups(vectors, contents, sizes, threshold)
    assert report.exhaustive
    assert report.pictures == len(vectors)


def test_the_block_size_does_not_matter(tmp_path, monkeypatch):
    vectors, contents, sizes = collection()
    index = index_of(tmp_path / "i", vectors, contents=contents, sizes=sizes, segments=3)
    expected = slow_groups(vectors, contents, sizes, 0.35)
    monkeypatch.setattr(neighbours, "_BLOCK", 16)
    monkeypatch.setattr(distance, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(candidates, "_BLOCK", 7)
    monkeypatch.setattr(grouping, "_AT_ONCE", 5)
    monkeypatch.setattr(grouping, "_PAIRS_AT_ONCE", 3)
    monkeypatch.setattr(points, "_PAGE", 11)
    assert told(found(index, 0.35)) == expected


@pytest.mark.parametrize("segments", [1, 2, 7])
def test_the_order_of_pictures_and_segments_does_not_matter(segments, tmp_path):
    vectors, contents, sizes = collection()
    expected = slow_groups(vectors, contents, sizes, 0.35)
    order = np.random.default_rng(segments).permutation(len(vectors))
    index = index_of(
        tmp_path / "i",
        vectors[order],
        contents=[contents[n] for n in order],
        sizes=[sizes[n] for n in order],
        segments=segments,
    )
    report = found(index, 0.35)
    assert {frozenset((int(order[n]), d) for n, d in group) for group in told(report)} == expected


def test_a_chain_does_not_join_distant_pictures(tmp_path):
    index = index_of(tmp_path / "i", on_circle(0, 10, 20, 30, 40, 50))
    report = found(index, chord(10.5))
    assert sum(len(group.members) for group in report.groups) <= 6
    for group in report.groups:
        assert 2 <= len(group.members) <= 3
        assert all(member.distance <= chord(10.5) for member in group.members)
    four = found(index_of(tmp_path / "j", on_circle(0, 9, 18, 29)), chord(11.5))
    assert [sorted(member.id for member in group.members) for group in four.groups] == [[1, 2, 3]]


def test_a_picture_belongs_to_the_nearest_representative(tmp_path):
    # 0 and 24 have two neighbours besides 11, which is nearer to 0.
    degrees = (0, -8, -4, 11, 24, 28, 32)
    report = found(index_of(tmp_path / "i", on_circle(*degrees)), chord(13.5))
    groups = {group.representative.id: {member.id for member in group.members} for group in report.groups}
    assert {1, 4} <= groups[1]
    assert groups[5] == {5, 6, 7}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_finds_the_groups(kind, tmp_path):
    vectors, contents, sizes = collection(150)
    index = index_of(tmp_path / "i", vectors, contents=contents, sizes=sizes, segments=2, kind=kind)
    expected = slow_groups(vectors, contents, sizes, 0.2)
    assert told(found(index, 0.2, exhaustive=True)) == expected
    report = found(index, 0.2)
    assert report.exhaustive == (kind == "flat")
    assert (report.recall is None) == (kind == "flat")
    if report.recall is not None:
        assert report.recall.found >= 0.9 * report.recall.with_copy > 0
    missed = expected - told(report)
    assert len(missed) <= 0.1 * len(expected)


def test_removed_pictures_never_appear(tmp_path):
    vectors, contents, sizes = collection()
    removed = list(range(0, 90, 3))
    stay = [number for number in range(90) if number % 3]
    index = index_of(tmp_path / "i", vectors, contents=contents, sizes=sizes, segments=2, removed=removed, kind="hnsw")
    expected = slow_groups(vectors[stay], [contents[n] for n in stay], [sizes[n] for n in stay], 0.35)
    for exhaustive in (True, False):
        report = found(index, 0.35, exhaustive=exhaustive)
        assert report.pictures == len(stay)
        assert {frozenset((stay.index(n), d) for n, d in group) for group in told(report)} == expected


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_a_filter_limits_the_pictures(kind, tmp_path):
    vectors, contents, sizes = collection()
    labels = ["a" if number % 2 else "b" for number in range(90)]
    index = index_of(tmp_path / "i", vectors, contents=contents, sizes=sizes, labels=labels, kind=kind, segments=2)
    chosen = [number for number in range(90) if number % 2]
    expected = slow_groups(vectors[chosen], [contents[n] for n in chosen], [sizes[n] for n in chosen], 0.35)
    report = found(index, 0.35, where={"label": "a"})
    assert report.pictures == 45
    assert {frozenset((chosen.index(n), d) for n, d in group) for group in told(report)} == expected


def test_exact_copies_only(tmp_path):
    vectors = unit(np.random.default_rng(0).standard_normal((6, 4)))
    contents = ["x", "y", "x", "z", "y", "x"]
    labels = ["a", "a", "b", "a", "b", "a"]
    index = index_of(tmp_path / "i", vectors[[0, 1, 0, 3, 1, 0]], contents=contents, labels=labels)
    report = find_duplicates(index, DuplicatesConfig(exact_only=True))
    assert [[m.id for m in group.members] for group in report.groups] == [[1, 3, 6], [2, 5]]
    assert [m.match for m in report.groups[0].members] == ["representative", "exact", "exact"]
    assert (report.threshold, report.source, report.pictures) == (None, None, 6)
    some = find_duplicates(index, DuplicatesConfig(exact_only=True, where={"label": "a"}))
    assert [[m.id for m in group.members] for group in some.groups] == [[1, 6]]
    assert some.pictures == 4


def test_vectors_without_files_are_not_exact_copies(tmp_path):
    vectors = unit(np.random.default_rng(0).standard_normal((4, 4)))
    index = index_of(tmp_path / "i", vectors[[0, 1, 2, 0]], contents=[""] * 4)
    assert find_duplicates(index, DuplicatesConfig(exact_only=True)).groups == ()
    report = found(index, 0.01)
    assert [[(m.id, m.match) for m in group.members] for group in report.groups] == [
        [(1, "representative"), (4, "near")]
    ]


@pytest.mark.parametrize(
    ("kind", "count"), [("flat", 10_000), ("hnsw", 500)]
)  # FAISS is slow to build a graph of equal vectors
def test_thousands_of_equal_pictures(kind, count, tmp_path):
    vectors = np.repeat(on_circle(0), count + 2, axis=0)
    vectors[count // 2 : count // 2 + 2] = on_circle(1, 90)
    report = found(index_of(tmp_path / "i", vectors, kind=kind), chord(2))
    assert len(report.groups) == 1
    assert report.groups[0].members[-1].id == count // 2 + 1
    assert len(report.groups[0].members) == count + 1


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_pictures(count, tmp_path):
    index = index_of(tmp_path / "i", np.ones((count, 1), dtype=np.float32))
    for config in (DuplicatesConfig(), DuplicatesConfig(exact_only=True), DuplicatesConfig(threshold=2)):
        report = find_duplicates(index, config)
        assert (report.groups, report.pictures) == ((), count)


def test_thresholds_come_from_the_settings_the_calibration_or_the_default(tmp_path):
    vectors = on_circle(0, 10, 60)
    plain = index_of(tmp_path / "plain", vectors)
    report = find_duplicates(plain)
    assert (report.threshold, report.source) == (DuplicatesConfig.default_threshold, "default")
    calibrated = index_of(tmp_path / "calibrated", vectors, threshold=0.1)
    assert (find_duplicates(calibrated).threshold, find_duplicates(calibrated).source) == (0.1, "calibration")
    given = find_duplicates(calibrated, DuplicatesConfig(threshold=0.2))
    assert (given.threshold, given.source, len(given.groups)) == (0.2, "given", 1)
    half = find_duplicates(calibrated, DuplicatesConfig(probability=0.5))
    assert (half.threshold, half.source) == (pytest.approx(0.4), "probability")  # 8 - 20 d = 0
    with open_index(calibrated) as engine:
        assert engine.calibration.probability(half.threshold) >= 0.5


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"threshold": -0.1}, "not a distance"),
        ({"threshold": 2.1}, "not a distance"),
        ({"threshold": float("nan")}, "not a distance"),
        ({"probability": 0.5}, "calibrate"),
        ({"probability": 1.5}, "between 0 and 1"),
        ({"threshold": 0.1, "probability": 0.5}, "one of them"),
        ({"where": {"colour": "red"}}, "colour"),
    ],
)
def test_invalid_settings(config, says, tmp_path):
    index = index_of(tmp_path / "i", on_circle(0, 10))
    with pytest.raises(QueryError, match=says):
        find_duplicates(index, DuplicatesConfig(**config))


def test_an_unreachable_probability(tmp_path):
    index = index_of(tmp_path / "i", on_circle(0, 10), threshold=0.3)
    with pytest.raises(QueryError, match=r"at distance 0 it is 0\.9997"):
        find_duplicates(index, DuplicatesConfig(probability=1.0))
    assert find_duplicates(index, DuplicatesConfig(probability=0.0)).threshold == 2.0


def test_no_index(tmp_path):
    with pytest.raises(IndexFolderError, match="twinlens build"):
        find_duplicates(tmp_path / "nowhere")
