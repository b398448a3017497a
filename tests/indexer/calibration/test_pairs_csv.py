from __future__ import annotations

from pathlib import Path

import pytest

from indexer.calibration.pairs_csv import read_pairs
from search.errors import DataError


def csv(tmp_path: Path, text: str) -> Path:
    (tmp_path / "pairs.csv").write_text(text, encoding="utf-8")
    return tmp_path / "pairs.csv"


def test_pictures_pairs_and_subjects_by_connection(tmp_path: Path) -> None:
    paths, pairs = read_pairs(csv(tmp_path, "a,b,same\n1.png,2.png,1\n2.png,3.png,yes\n4.png,1.png,0\n5.png,4.png,0\n"))
    assert [path.name for path in paths] == ["1.png", "2.png", "3.png", "4.png", "5.png"]
    assert all(path.is_absolute() for path in paths)
    assert pairs.a.tolist() == [0, 1, 3, 4]
    assert pairs.b.tolist() == [1, 2, 0, 3]
    assert pairs.same.tolist() == [True, True, False, False]
    assert pairs.subject_a.tolist() == [0, 0, 3, 4]
    assert pairs.subject_b.tolist() == [0, 0, 0, 3]


def test_named_subjects_and_a_root(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1.png").touch()
    text = "path_a,path_b,same,subject_a,subject_b\n1.png,2.png,0,ann,ann\n1.png,3.png,0,ann,bob\n"
    paths, pairs = read_pairs(csv(tmp_path, text), tmp_path / "pictures")
    assert paths[0] == tmp_path / "pictures" / "1.png"
    assert pairs.subject_a.tolist() == [0, 0]
    assert pairs.subject_b.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the column a"),
        ("a,b,same\n", "no pairs"),
        ("a,c,same\n1,2,1\n", "lacks the column b"),
        ("a,b,same,subject_a\n1,2,1,x\n", "only the column subject_a"),
        ("a,b,same\n1,2,1\n1,3,maybe\n", "line 3: same is 'maybe'"),
        ("a,b,same\n1,2\n", "line 2: same is ''"),
        ("a,b,same\n1,,1\n", "line 2: no picture in the column b"),
        ("a,b,same\n1,./1,1\n", "line 2: .* paired with itself"),
        ("a,b,same\n1,2,1\n2,1,1\n", "line 3: .* already in line 2"),
        ("a,b,same\n1,2,1\n2,1,0\n", "line 2, with another value of same"),
        ("a,b,same\n1,2,1\n2,3,1\n3,1,0\n", "line 4: .* chain"),
        ("a,b,same,subject_a,subject_b\n1,2,1,x,x\n1,3,0,y,z\n", "line 3: .* 'y' here, and 'x'"),
        ("a,b,same,subject_a,subject_b\n1,2,1,x,\n", "line 2: a subject is missing"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_pairs(csv(tmp_path, text))


def test_a_file_that_is_not_a_csv(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_pairs(tmp_path / "missing.csv")
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        read_pairs(tmp_path / "bad.csv")


def test_a_path_that_names_two_pictures_is_an_error(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for folder in (tmp_path, pictures):
        (folder / "1.png").touch()
    file = csv(tmp_path, "a,b,same\n2.png,3.png,1\n1.png,2.png,0\n")
    with pytest.raises(DataError, match=r"line 3: '1\.png' names both .*Write an absolute path"):
        read_pairs(file, pictures)
    paths, _ = read_pairs(csv(tmp_path, f"a,b,same\n{pictures / '1.png'},2.png,0\n"), pictures)
    assert paths[0] == pictures / "1.png"


def test_one_picture_by_two_paths_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "1.png").touch()
    (tmp_path / "pictures").symlink_to(tmp_path)
    paths, _ = read_pairs(csv(tmp_path, "a,b,same\n1.png,2.png,0\n"), tmp_path / "pictures")
    assert paths[0] == tmp_path / "pictures" / "1.png"
