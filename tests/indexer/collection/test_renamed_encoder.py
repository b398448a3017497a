"""An index that was made with an encoder under its earlier name goes on."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import search
from indexer import add, build, check, rebuild, repair, sync
from search.encoders import OLD_NAMES, load_encoder, own_folder
from tests.conftest import FAST, draw, fill

OLD, NEW = "builtin", OLD_NAMES["builtin"]


@pytest.fixture
def old_index(tmp_path: Path) -> Path:
    """An index as it was made when the encoder had its earlier name."""
    shutil.copytree(own_folder(NEW), tmp_path / "before")
    manifest = json.loads((tmp_path / "before" / "encoder.json").read_text(encoding="utf-8"))
    (tmp_path / "before" / "encoder.json").write_text(json.dumps({**manifest, "name": OLD}), encoding="utf-8")
    fill(tmp_path / "pictures", 3)
    build(tmp_path / "pictures", tmp_path / "index", replace(FAST, encoder=str(tmp_path / "before")))
    shutil.rmtree(tmp_path / "before")
    return tmp_path / "index"


def settings(index: Path) -> tuple[str, str]:
    with search.open_index(index, device="cpu") as engine:
        info = engine.info()
    return info.encoder, info.fingerprint


def test_it_answers_and_is_sound(old_index: Path) -> None:
    fingerprint = load_encoder(NEW, device="cpu").fingerprint
    assert settings(old_index) == (OLD, fingerprint)
    with search.open_index(old_index, device="cpu") as engine:
        hits = engine.search(old_index.parent / "pictures" / "label1" / "0001.png", 1)
    assert hits[0].distance == pytest.approx(0, abs=1e-3)
    assert not check(old_index)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("encoder", [None, OLD, NEW])
def test_pictures_are_added_whatever_the_encoder_is_called(old_index: Path, encoder: str | None) -> None:
    pictures = old_index.parent / "pictures"
    fill(pictures, 1, first=8)
    report = sync(pictures, old_index, replace(FAST, encoder=encoder))
    assert (report.added, report.embedded) == (1, 1)
    draw(9).save(pictures / "one.png")
    assert add(old_index, [pictures / "one.png"], replace(FAST, encoder=encoder)).added == 1
    assert settings(old_index)[0] == OLD


@pytest.mark.slow
@pytest.mark.thinned(3)
@pytest.mark.parametrize("encoder", [None, OLD, NEW])
def test_a_rebuild_embeds_nothing_again(old_index: Path, encoder: str | None) -> None:
    report = rebuild(old_index, replace(FAST, encoder=encoder, kind="flat"))
    assert (report.embedded, report.images) == (0, 3)
    assert settings(old_index)[1] == load_encoder(NEW, device="cpu").fingerprint


@pytest.mark.slow
def test_a_damaged_encoder_is_saved_again(old_index: Path) -> None:
    next((old_index / "encoders").glob("*/weights.safetensors")).write_bytes(b"damaged")
    report = repair(old_index, device="cpu")
    assert any(f"saved the encoder {OLD} again" in line for line in report.done)
    assert not check(old_index)
    with search.open_index(old_index, device="cpu") as engine:
        assert np.isfinite(engine.embed(draw(1))).all()


@pytest.mark.slow
def test_a_new_index_has_the_present_name(tmp_path: Path) -> None:
    fill(tmp_path / "pictures", 1)
    build(tmp_path / "pictures", tmp_path / "index", replace(FAST, encoder=OLD))
    assert settings(tmp_path / "index")[0] == NEW
