"""Render the sample collection: `python data/make_sample.py [--things NAME ...] [--views N ...] [--out DIR]`.

Every picture has its own seed, made of the thing's name and the number of the view, so a run over a few things gives
the files that a run over all of them would. Needs numpy and pillow alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from sample_renderer.picture import render
from sample_renderer.things import THINGS
from sample_renderer.views import SCHEDULE, compose

if TYPE_CHECKING:
    from collections.abc import Sequence

QUALITY = 85
SAMPLE_VIEWS = (0, 1, 2, 5, 6)
"""The views that data/sample holds: on a sweep, indoors, outdoors, small in company, half hidden."""


def draw(out: Path, name: str, view: int, size: int) -> Path:
    """Render one view and write it as `OUT/NAME/NN.jpg`."""
    scene, camera = compose(name, view)
    path = out / name / f"{view:02d}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(render(scene, camera, size)).save(path, quality=QUALITY, optimize=True)
    return path


def draw_thing(out: Path, name: str, views: Sequence[int], size: int) -> int:
    """Render the views of one thing; a process models each thing once."""
    return sum(draw(out, name, view, size).stat().st_size for view in views)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Options, checked."""
    parser = argparse.ArgumentParser(description="Render the sample collection.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sample", help="folder for the pictures")
    parser.add_argument("--things", nargs="+", default=sorted(THINGS), choices=sorted(THINGS), metavar="NAME")
    views = parser.add_argument("--views", type=int, nargs="+", default=SAMPLE_VIEWS, metavar="N")
    views.help = f"numbers of the views of each thing, 0 to {len(SCHEDULE) - 1} and around again with other details"
    parser.add_argument("--size", type=int, default=224, help="side of the pictures in pixels")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    options = parser.parse_args(arguments)
    if min(options.size, options.workers) < 1 or min(options.views) < 0:
        parser.error("--size and --workers must be at least 1, --views at least 0")
    return options


def main() -> None:
    """Render what the options ask for; progress goes to standard error."""
    options = parse()
    started, total = time.monotonic(), 0
    with ProcessPoolExecutor(options.workers) as pool:
        jobs = [pool.submit(draw_thing, options.out, name, options.views, options.size) for name in options.things]
        for done, (name, job) in enumerate(zip(options.things, jobs, strict=True), start=1):
            total += job.result()
            seconds = time.monotonic() - started
            sys.stderr.write(f"{done}/{len(jobs)} {name}: {total / 2**20:.2f} MiB, {seconds:.0f} s\n")


if __name__ == "__main__":
    main()
