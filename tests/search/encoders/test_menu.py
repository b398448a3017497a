"""The menu of encoders: what is installed, what it costs, and what a preset stands for."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata, util
from pathlib import Path
from types import SimpleNamespace

import pytest

from search import EncoderError
from search import encoders as package
from search.encoders import FAMILIES, available, encoder_folder, load_encoder
from search.encoders.menu import ALIASES, FIGURES_FILE, MENU, WEIGHTS, EncoderEntry, menu_entries, resolved

ROOT = Path(__file__).parents[3]
PRESETS = ["photo", "photo-large", "small", "color-layout", "faces", "signatures", "clip", "best"]
EVERY_FAMILY = {*FAMILIES, "faces", "open_clip"}


def of(name: str, **options: object) -> EncoderEntry:
    return next(each for each in menu_entries(**({"families": FAMILIES} | options)) if each.name == name)  # type: ignore[arg-type]


def preset(name: str):
    return next(each for each in MENU if each.name == name)


@pytest.fixture
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No optional module and no package of weights is installed."""

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(util, "find_spec", lambda name: None)
    monkeypatch.setattr(metadata, "version", missing)


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: name)
    monkeypatch.setattr(metadata, "version", lambda name: "1.0")


def test_the_public_surface() -> None:
    assert [entry.name for entry in available()] == [*PRESETS, "torchvision:NAME", "timm:NAME", "open_clip:NAME"]
    assert set(inspect.signature(available).parameters) == set()
    for entry in available():
        plain = json.loads(json.dumps(entry.to_dict()))
        assert list(plain) == [
            "name",
            "job",
            "licence",
            "installed",
            "install",
            "download",
            "size",
            "dim",
            "input_size",
            "measurable",
            "recall_at_1",
            "copies_found",
            "pictures_per_second",
        ]
        assert entry.job
        assert entry.licence
        assert bool(entry.install) != entry.installed
    assert package.available is available


def test_it_imports_no_encoder() -> None:
    script = "import sys; from search.encoders import available; available(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"torch", "torchvision", "timm", "dlib", "open_clip", "numpy", "PIL"} & set(done.stdout.split())


def test_an_encoder_of_this_package_is_described_by_its_folder(tmp_path: Path, everything: None) -> None:
    shipped = next(folder for folder in sorted(WEIGHTS.iterdir()) if (folder / "encoder.json").is_file())
    shutil.copytree(shipped, tmp_path / "small")
    shutil.copytree(shipped, tmp_path / "photo")
    figures = {"small": {"recall_at_1": 0.5, "copies_found": 0.9, "pictures_per_second": 300}}
    (tmp_path / FIGURES_FILE).write_text(json.dumps(figures))
    manifest = json.loads((shipped / "encoder.json").read_text("utf-8"))
    small, photo, large = (of(name, weights=tmp_path) for name in ("small", "photo", "photo-large"))
    assert (small.dim, small.input_size) == (manifest["dim"], manifest["input_size"])
    assert small.size == sum(file.stat().st_size for file in shipped.iterdir())
    assert (small.recall_at_1, small.copies_found, small.pictures_per_second) == (0.5, 0.9, 300)
    assert photo.size == small.size + preset("photo").package_bytes
    assert (photo.recall_at_1, photo.pictures_per_second) == (None, None), "a figure that was not measured"
    assert (small.installed, small.install, large.installed) == (True, "", False)
    assert (large.size, large.dim) == (None, None)


@pytest.mark.parametrize("damage", ["{", b"\xff"])
def test_damaged_figures(damage: str | bytes, tmp_path: Path) -> None:
    (tmp_path / FIGURES_FILE).write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    with pytest.raises(EncoderError, match="reinstall"):
        menu_entries(FAMILIES, tmp_path)


def test_no_figures_are_no_error(tmp_path: Path) -> None:
    assert {entry.recall_at_1 for entry in menu_entries(FAMILIES, tmp_path)} == {None}


def test_an_encoder_that_is_missing_says_which_extra_to_install(nothing_else: None) -> None:
    for name, extra in (("faces", "faces"), ("clip", "clip"), ("best", "timm"), ("photo-large", "photo-large")):
        entry = of(name, families=EVERY_FAMILY)
        assert (entry.installed, entry.install) == (False, f'pip install "twinlens[{extra}]"')
        with pytest.raises(EncoderError, match=rf'the encoder {name} is not installed .*"twinlens\[{extra}\]"'):
            resolved(name, EVERY_FAMILY)
    with pytest.raises(EncoderError, match=r"timm is missing.*twinlens\[timm\]"):
        load_encoder("best")
    assert of("color-layout").installed


def test_a_family_that_this_version_lacks_is_not_installed(everything: None) -> None:
    assert of("faces", families=EVERY_FAMILY).installed
    assert not of("faces", families={"checkpoint"}).installed
    with pytest.raises(EncoderError, match="the family open_clip is missing"):
        resolved("clip", {"checkpoint"})


def test_a_preset_stands_for_one_model(monkeypatch: pytest.MonkeyPatch, everything: None) -> None:
    class Created:
        @classmethod
        def create(cls, name: str, device: str) -> SimpleNamespace:
            return SimpleNamespace(family="timm", name=f"{name} on {device}")

    monkeypatch.setattr(package, "family_class", lambda family: Created)
    assert {name: preset(name).encoder for name in ("clip", "best")} == ALIASES
    assert load_encoder("best", device="cpu").name == f"{ALIASES['best']} on cpu"
    assert resolved("clip", EVERY_FAMILY) == "open_clip:MobileCLIP2-S0/dfndr2b"
    assert resolved("timm:resnet18", FAMILIES) == "timm:resnet18"
    assert resolved("small", FAMILIES) == "small"


def test_a_preset_takes_precedence_over_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "best").mkdir()
    monkeypatch.chdir(tmp_path)
    assert encoder_folder("best") is None
    assert encoder_folder("./best") == Path("best")
    assert encoder_folder(Path("best")) == Path("best")


def test_color_layout_has_what_the_menu_says() -> None:
    encoder, entry = load_encoder("color-layout"), of("color-layout")
    assert (entry.dim, entry.input_size, entry.size) == (encoder.dim, encoder.input_size, 0)


def test_best_has_what_the_menu_says() -> None:
    timm, torch = pytest.importorskip("timm"), pytest.importorskip("torch")
    _, _, model = ALIASES["best"].partition(":")
    with torch.device("meta"):
        network = timm.create_model(model, pretrained=False, num_classes=0)
    entry, config = of("best", families=EVERY_FAMILY), timm.get_pretrained_cfg(model)
    assert sum(each.numel() for each in network.parameters()) == preset("best").parameters
    assert entry.size == 4 * preset("best").parameters
    assert (entry.dim, entry.input_size) == (network.num_features, config.input_size[-1])
    assert config.license in entry.licence


def test_clip_has_what_the_menu_says() -> None:
    open_clip, torch = pytest.importorskip("open_clip"), pytest.importorskip("torch")
    _, _, model = ALIASES["clip"].partition(":")
    name, _, tag = model.partition("/")
    config, entry = open_clip.get_model_config(name), of("clip")
    assert tag in open_clip.list_pretrained_tags_by_model(name)
    assert (entry.dim, entry.input_size) == (config["embed_dim"], config["vision_cfg"]["image_size"])
    with torch.device("meta"):
        network = open_clip.CustomTextCLIP(**{key: value for key, value in config.items() if key != "custom_text"})
    assert sum(each.numel() for each in network.parameters()) == preset("clip").parameters


@pytest.mark.parametrize("name", [each.name for each in MENU if each.packages])
def test_packages_have_the_size_that_the_menu_says(name: str) -> None:
    try:
        found = [metadata.distribution(each) for each in preset(name).packages]
    except metadata.PackageNotFoundError as error:
        pytest.skip(f"{error.name} is not installed")
    size = sum(file.size or 0 for each in found for file in each.files or ())
    assert size == pytest.approx(preset(name).package_bytes, rel=0.01), "an installer adds a few small files"


def test_every_extra_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for entry in available():
        if entry.installed and (extra := preset(entry.name).extra):
            assert extra in extras
