"""Each experiment end to end, on few pictures, in seconds."""

from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

EXPERIMENTS = {
    "shared_weights": (["shared_weights_sum"], []),
    "siamese_or_softmax": (["siamese_or_softmax_planes"], ["--steps", "2", "--seeds", "1"]),
    "mnist_published": (["mnist_published_plane", "mnist_published_confusion"], ["--steps", "2"]),
    "mnist_best": (["mnist_best_planes", "mnist_best_mistakes"], ["--steps", "2"]),
}


@pytest.mark.thinned(2)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_writes_its_page_and_its_plots(
    name: str, folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plots, arguments = EXPERIMENTS[name]
    experiment = import_module(f"experiments.{name}")
    experiment.main([*folders, *arguments])
    page = tmp_path / "docs" / "results" / f"{name}.md"
    text = page.read_text("utf-8")
    assert f"python -m experiments.{name}" in text
    assert "nan" not in text
    for plot in plots:
        assert f"](../images/{plot}.png)" in text
        file = tmp_path / "docs" / "images" / f"{plot}.png"
        assert 1000 < file.stat().st_size < 150 * 1024
        with Image.open(file) as image:
            assert image.width > 500
    kept = sorted((tmp_path / "work").rglob("weights.safetensors"))
    times = [path.stat().st_mtime_ns for path in kept]
    experiment.main([*folders, *arguments])  # does not train again
    assert [path.stat().st_mtime_ns for path in kept] == times
