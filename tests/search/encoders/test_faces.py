"""The encoder `faces`: what it refuses without its models or a face, and real faces where the data set is there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.datasets import unpack
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.people.enroll import enroll
from search import EncoderError, PictureError, open_index
from search.config import BuildConfig, EnrollConfig
from search.encoders import face_models, load_encoder, shipped_folder
from search.encoders.face_models import LANDMARKS, NETWORK, model_file
from search.errors import DataError
from search.recognition.stored import encoder_calibration
from tests.conftest import draw
from tests.search.encoders.made import IMAGES, edit

FACES = EnrollConfig(encoder="faces", device="cpu")


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("faces", device="cpu")


@pytest.fixture(scope="module")
def orl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `sN` of ten faces of one person each."""
    try:
        return unpack("faces", tmp_path_factory.mktemp("data"))
    except DataError as error:
        pytest.skip(f"needs the ORL faces: {error}")


def face(orl: Path, person: int, shot: int) -> Image.Image:
    with Image.open(orl / f"s{person}" / f"{shot}.png") as image:
        return image.convert("RGB")


# Without data -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: str(image.size))
def test_a_drawn_picture_has_no_face(encoder, image: Image.Image) -> None:
    assert encoder.regions(image) == []
    with pytest.raises(PictureError, match="no face found"):
        encoder.encode([image])


def test_a_folder_carries_the_names_and_checksums_of_the_models(encoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["encoder.json"]
    stored = json.loads((tmp_path / "encoder.json").read_text("utf-8"))
    assert stored["models"]["package"] == "face-recognition-models"
    assert stored["models"]["version"] == "0.3.0"
    assert set(stored["models"]["sha256"]) == {LANDMARKS, NETWORK}
    assert stored["card"]["dlib"].isdigit()
    again = load_encoder(tmp_path)
    assert (again.name, again.dim, again.fingerprint) == ("faces", 128, encoder.fingerprint)
    edit(tmp_path, fingerprint="0" * 32)
    with pytest.raises(EncoderError, match="fingerprint"):
        load_encoder(tmp_path)


def test_the_fingerprint_covers_models_and_preprocessing(encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    from search.encoders import dlib_faces

    seen = {encoder.fingerprint}
    monkeypatch.setitem(dlib_faces.SHA256, NETWORK, "0" * 64)
    seen.add(dlib_faces.FacesEncoder().fingerprint)
    monkeypatch.undo()
    monkeypatch.setitem(dlib_faces._SETTINGS, "confidence", 0.0)
    seen.add(dlib_faces.FacesEncoder().fingerprint)
    assert len(seen) == 3


@pytest.mark.parametrize("missing", ["dlib", "models"])
def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    if missing == "dlib":
        monkeypatch.setitem(sys.modules, "dlib", None)
        monkeypatch.delitem(sys.modules, "search.encoders.dlib_faces", raising=False)
    else:
        monkeypatch.setattr(face_models, "PACKAGE", "no-such-package-of-models")
        monkeypatch.setattr("search.encoders.dlib_faces._models", lambda: model_file(LANDMARKS))
    with pytest.raises(EncoderError, match=r'pip install "twinlens\[faces\]"'):
        load_encoder("faces")


class Package:
    def __init__(self, folder: Path, version: str = "0.3.0") -> None:
        self.folder, self.version = folder, version

    def locate_file(self, name: str) -> Path:
        return self.folder / Path(name).name


def test_a_damaged_model_file_is_refused_before_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = model_file(LANDMARKS)
    monkeypatch.setattr(metadata, "distribution", lambda name: Package(tmp_path))
    with pytest.raises(EncoderError, match=rf"{LANDMARKS} cannot be read.*--force-reinstall"):
        model_file(LANDMARKS)
    (tmp_path / LANDMARKS).mkdir()
    with pytest.raises(EncoderError, match="is a folder"):
        model_file(LANDMARKS)
    (tmp_path / LANDMARKS).rmdir()
    shutil.copy(original, tmp_path / LANDMARKS)
    assert model_file(LANDMARKS) == tmp_path / LANDMARKS
    with (tmp_path / LANDMARKS).open("r+b") as file:
        file.seek(4_000_000)
        byte = file.read(1)[0]
        file.seek(4_000_000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(EncoderError, match=r"damaged: .*SHA-256.*--force-reinstall face-recognition-models==0\.3\.0"):
        model_file(LANDMARKS)
    monkeypatch.setattr(metadata, "distribution", lambda name: Package(tmp_path, "0.4.0"))
    with pytest.raises(EncoderError, match=r"needs face-recognition-models 0\.3\.0, not 0\.4\.0"):
        model_file(LANDMARKS)


def test_the_package_of_the_models_is_not_imported() -> None:
    code = (
        "import sys; from search.encoders import load_encoder; load_encoder('faces');"
        "assert not {'torch', 'pkg_resources', 'face_recognition_models'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_its_calibration_ships_and_an_index_gets_it(encoder, tmp_path: Path) -> None:
    calibration = encoder_calibration("faces", encoder.fingerprint)
    assert calibration is not None
    assert calibration.far.value <= 0.01
    assert calibration.far.low is not None
    assert calibration.subjects >= 20
    draw(1).save(tmp_path / "drawn.png")
    report = build(tmp_path, tmp_path / "photos.index", BuildConfig(encoder="faces", device="cpu"))
    assert report.skipped == [(tmp_path / "drawn.png", "no face found")]
    assert shipped_folder("color-layout") is None
    assert shipped_folder(tmp_path) is None
    assert encoder_calibration("color-layout", load_encoder("color-layout").fingerprint) is None


# Real faces ---------------------------------------------------------------------------------------------------------


def test_a_face_is_embedded_as_dlib_does(encoder, orl: Path) -> None:
    import dlib

    image = face(orl, 1, 1)
    (region,) = encoder.regions(image)
    pixels = np.asarray(image)
    box = dlib.get_frontal_face_detector()(pixels, 1)[0]
    shape = dlib.shape_predictor(str(model_file(LANDMARKS)))(pixels, box)
    raw = np.array(dlib.face_recognition_model_v1(str(model_file(NETWORK))).compute_face_descriptor(pixels, shape))
    assert abs(np.linalg.norm(raw) - 1) > 0.1, "dlib's embeddings are not of unit length"
    np.testing.assert_allclose(encoder.encode([image])[0], raw / np.linalg.norm(raw), atol=1e-6)
    height, width, _ = pixels.shape
    middle = ((region.box.left + region.box.right) / 2 * width, (region.box.top + region.box.bottom) / 2 * height)
    assert middle == pytest.approx((box.center().x, box.center().y), abs=1.5)


def test_faces_beside_one_another_are_told_apart(encoder, orl: Path) -> None:
    picture = Image.new("RGB", (500, 300), "grey")
    large = face(orl, 3, 1).resize((184, 224))
    picture.paste(face(orl, 1, 1), (20, 30))
    picture.paste(large, (280, 40))
    first, second = encoder.regions(picture)
    assert first.box.left > 0.5 > second.box.right
    alone = encoder.encode([large, face(orl, 1, 1)])
    together = encoder.encode_prepared(np.stack([first.prepared, second.prepared]))
    assert np.linalg.norm(alone - together, axis=1).max() < 0.25 < np.linalg.norm(alone[0] - alone[1])
    np.testing.assert_array_equal(encoder.encode([picture])[0], together[0])


def test_people_are_identified_from_one_picture_without_calibrating(orl: Path, tmp_path: Path) -> None:
    index = tmp_path / "people.index"
    for person in (1, 2, 4):
        enroll(index, f"s{person}", [orl / f"s{person}" / "1.png"], FACES)
    picture = Image.new("RGB", (400, 140), "grey")
    for place, (person, shot) in enumerate([(2, 6), (9, 1), (4, 3)]):
        picture.paste(face(orl, person, shot), (20 + 130 * place, 14))
    with open_index(index, device="cpu") as engine:
        assert engine.calibration is not None
        named = {each.name for each in engine.identify(picture).everyone}
        assert named == {"s2", "s4", None}
        assert [engine.identify(orl / f"s{n}" / "5.png").name for n in (1, 7)] == ["s1", None]
    picture.save(tmp_path / "three.png")
    with pytest.raises(PictureError, match="shows 3 faces"):
        enroll(index, "x", [tmp_path / "three.png"], FACES)


def test_an_index_of_another_encoder_gets_the_calibration_with_the_encoder(orl: Path, tmp_path: Path) -> None:
    build(orl / "s1", tmp_path / "i", BuildConfig(encoder="color-layout", device="cpu", labels="none"))
    with open_index(tmp_path / "i") as engine:
        assert engine.calibration is None
    report = rebuild(tmp_path / "i", BuildConfig(encoder="faces", device="cpu"), drop_missing=True)
    assert "the calibration is that of the new encoder" in report.notes
    with open_index(tmp_path / "i") as engine:
        assert engine.calibration is not None
