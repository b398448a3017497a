"""The sample collection with everything that the app can show: copies, metadata, names, a log, a map and runs.

What its pictures cannot say by themselves is added from `data/README.md`: the scene of each view.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import indexer
from indexer.calibration.config import CalibrateConfig
from search.config import AttendConfig, BuildConfig, EnrollConfig

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample"
SCENES = {"00": "studio", "01": "indoors", "02": "outdoors", "05": "beside others", "06": "partly hidden"}
"""View of a thing -> how it is shown."""
COPIED = ("teapot", "lighthouse", "guitar", "snail")
"""Things of which there are altered copies."""
ENROLLED = ("teapot", "lighthouse", "guitar", "snail", "windmill", "cactus")
"""Things that can be identified; the first three have a second reference picture."""
SEEN = ("teapot", "guitar", "windmill", "snowman", "cactus", "lighthouse", "robot")
"""Things that pass the camera of the log, known and unknown ones."""
STEPS = 120
"""Steps of the training runs, which only have to show curves."""


@dataclass(frozen=True)
class AppCollection:
    """Folders and files that the app is started with."""

    index: Path
    log: Path
    runs: Path


def prepare(folder: Path) -> AppCollection:
    """Make the collection, unless it is complete; the training runs take some minutes, and continue if interrupted."""
    pictures, done = folder / "pictures", folder / "complete"
    made = AppCollection(folder / "photos.index", folder / "visits.csv", folder / "runs")
    if done.exists():
        return made
    for part in (pictures, made.index, folder / "camera"):
        shutil.rmtree(part, ignore_errors=True)
    for file in folder.glob("visits*.csv"):
        file.unlink()
    shutil.copytree(SAMPLE, pictures)
    add_copies(pictures)
    indexer.build(pictures, made.index, BuildConfig())
    indexer.load_metadata(made.index, scenes(pictures, folder / "scenes.jsonl"))
    indexer.calibrate(made.index, config=CalibrateConfig(prior=0.01))  # about 1 pair in 100 is the same
    indexer.make_map(made.index)
    enroll_things(pictures, made.index)
    log_visits(pictures, folder / "camera", made)
    train_runs(SAMPLE, made.runs)
    done.touch()
    return made


def add_copies(pictures: Path) -> None:
    """Put altered copies beside the pictures of some things: smaller, recompressed, and one with the same bytes."""
    for thing in COPIED:
        original = pictures / thing / "01.jpg"
        with Image.open(original) as image:
            image.resize((160, 160)).save(pictures / thing / "01 small.jpg", quality=80)
            image.save(pictures / thing / "01 sent.jpg", quality=45)
    shutil.copyfile(pictures / COPIED[0] / "01.jpg", pictures / COPIED[0] / "01 (1).jpg")


def scenes(pictures: Path, file: Path) -> Path:
    """Write the scene of each picture as a line of JSON."""
    rows = [
        {"path": str(path), "scene": SCENES[path.stem[:2]], "view": int(path.stem[:2])}
        for path in sorted(pictures.glob("*/*.jpg"))
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def enroll_things(pictures: Path, index: Path) -> None:
    """Give things a name by one or two of their pictures."""
    for number, thing in enumerate(ENROLLED):
        references = [pictures / thing / name for name in ("00.jpg", "02.jpg")[: 2 if number < 3 else 1]]
        indexer.enroll(index, thing.capitalize(), references, EnrollConfig(force=True))


def log_visits(pictures: Path, camera: Path, made: AppCollection) -> None:
    """Let some things pass a camera once, and log who they are."""
    camera.mkdir()
    for number, thing in enumerate(SEEN):
        shutil.copyfile(pictures / thing / "01.jpg", camera / f"shot {number:02d}.jpg")
    indexer.attend(camera, made.index, made.log, AttendConfig(once=True))


def train_runs(pictures: Path, runs: Path) -> None:
    """Train twice on the pictures, with two losses."""
    for loss in ("triplet", "supcon"):
        config = indexer.TrainConfig(
            loss=loss, validation_share=0.25, steps=STEPS, evaluate_every=STEPS // 8, classes_per_batch=12
        )
        indexer.train(pictures, runs / loss, config=config)
