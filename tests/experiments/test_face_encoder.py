import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import face_encoder, face_encoder_page, faces
from experiments.face_attendance import enroll_first
from experiments.face_calibration import calibrated
from experiments.face_trials import few_way_hits, one_shot_hits, open_set
from experiments.light_and_pose import altered, write_altered
from search.encoders import FAMILIES
from search.errors import DataError, EncoderError
from search.recognition.identities import OpenSetThreshold
from tests.experiments.test_faces import PEOPLE, SHOTS, make_faces, unit_rows
from tests.marks import MarksEncoder, save_group


def test_a_picture_without_a_face_is_never_identified() -> None:
    vectors = np.eye(6, dtype=np.float32)[PEOPLE]
    lost = np.flatnonzero((PEOPLE + SHOTS) % 3 == 0)
    vectors[lost] = 0
    hits = one_shot_hits(vectors, PEOPLE, SHOTS)
    assert not hits[:, lost].any()
    trials, _ = few_way_hits(vectors, PEOPLE, ways=3, trials=300, seed=0)
    assert 0.2 < trials.mean() < 0.9
    of = open_set(vectors, PEOPLE, SHOTS, galleries=20, references=1, seed=0)
    assert of.identified(0.1) < 0.8
    assert of.strangers_accepted(0.1) == 0
    assert len(of.known_people) == len(of.known_distances)
    assert len(of.stranger_people) == len(of.stranger_distances)


def test_shares_are_those_of_the_probes_and_vary_by_person() -> None:
    of = open_set(unit_rows(24), PEOPLE, SHOTS, galleries=50, references=2, seed=0)
    threshold = OpenSetThreshold(1.0, None)
    for figure, share in (
        (face_encoder_page.identified(of, threshold), of.identified(1.0)),
        (face_encoder_page.accepted(of, threshold), of.strangers_accepted(1.0)),
    ):
        assert figure.value == pytest.approx(share)
        assert figure.interval is not None
        assert figure.interval[0] < share < figure.interval[1]


def test_light_and_pose_are_repeatable_and_keep_the_size(tmp_path: Path) -> None:
    make_faces(tmp_path / "plain", 2)
    target = write_altered(tmp_path / "plain", tmp_path / "altered")
    assert len(list(target.glob("s*/*.png"))) == 14
    with Image.open(tmp_path / "plain" / "s2" / "3.png") as image:
        again, other = altered(image, (2, 3)), altered(image, (2, 4))
        assert again.size == image.size
    with Image.open(target / "s2" / "3.png") as written:
        assert written.tobytes() == again.tobytes() != other.tobytes()
    (target / "s1" / "1.png").write_bytes(b"kept")
    write_altered(tmp_path / "plain", tmp_path / "altered")
    assert (target / "s1" / "1.png").read_bytes() == b"kept"


def test_the_next_picture_is_enrolled_if_one_shows_no_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "marks", "tests.marks:MarksEncoder")
    (tmp_path / "marks").mkdir()
    MarksEncoder().save(tmp_path / "marks")
    empty, one = save_group(tmp_path / "empty.png"), save_group(tmp_path / "one.png", (1, 60))
    assert enroll_first(tmp_path / "i", "Ada", [empty, one], str(tmp_path / "marks")) == one
    with pytest.raises(DataError, match="Bob: no picture"):
        enroll_first(tmp_path / "i", "Bob", [empty], str(tmp_path / "marks"))


@pytest.mark.slow
def test_from_pictures_to_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_faces(tmp_path / "data" / "faces", 34)
    for path in (tmp_path / "data" / "faces").glob("s*/*.png"):  # attendance needs ten of each
        if int(path.stem) <= 3:
            path.with_name(f"{int(path.stem) + 7}.png").write_bytes(path.read_bytes())
    for name in ("GALLERIES", "TRIALS", "DRAWS"):
        monkeypatch.setattr(faces, name, 30)
    monkeypatch.setattr(face_encoder, "RUNS", 1)
    monkeypatch.setattr(face_encoder, "TIMED", 3)
    monkeypatch.setattr(face_encoder, "ENCODERS", ("color-layout",))
    monkeypatch.setattr(face_encoder_page, "FACES", "color-layout")
    face_encoder.main(
        [f"--{name}={tmp_path / name}" for name in ("datasets", "work", "docs")[1:]]
        + [f"--datasets={tmp_path / 'data'}"]
    )
    text = (tmp_path / "docs" / "results" / "face_encoder.md").read_text("utf-8")
    assert text.startswith("# The encoder for faces\n\nWritten by `python -m experiments.face_encoder`")
    assert len(re.findall(r"^\| ORL(, other light and pose)? \| color-layout \|", text, re.M)) == 10
    assert "| stated, with 95 % |" in text
    assert "0 of 170" in text


def test_the_shipped_calibration_is_not_of_the_test_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_faces(tmp_path / "data" / "faces", 34)
    used: list[str] = []
    monkeypatch.setattr("experiments.face_calibration.load_encoder", lambda name: MarksEncoder())
    monkeypatch.setattr(
        "experiments.face_calibration.write_labels", lambda file, paths: used.extend(path.parent.name for path in paths)
    )
    with pytest.raises((DataError, EncoderError)):
        calibrated(tmp_path / "data", tmp_path / "out")
    test = set(face_encoder.split_people(tmp_path / "data" / "faces")[2])
    assert len(set(used)) == 17
    assert not test & set(used)
