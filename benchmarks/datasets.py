"""Unpack the data sets into folders of pictures: `python -m benchmarks.datasets --out .cache/datasets`.

    OUT/tiny-imagenet/train/WNID/*.webp     OUT/tiny-imagenet/val/WNID/*.webp
    OUT/clothing/train|validation|test/CLASS/*.jpg
    OUT/clothing-full/**/*.jpg  (150 of them at full size)
    OUT/omniglot/ALPHABET/characterNN/*.png
    OUT/omniglot-runs/runNN/training|test/*.png, class_labels.txt   (the one-shot test: never to be trained on)
    OUT/faces/sN/*.png         (PGM in the archive, which Twinlens does not read)
    OUT/signatures/writerNNN/*.png
    OUT/mnist/test/DIGIT/*.png    OUT/fashion-mnist/test/CLASS/*.png  (the test sets, CLASS being a digit too)

The archives are looked for in the folder that the environment variable `TWINLENS_DATASETS` names, `../shared/datasets`
from the repository's root where it is not set. What is already unpacked is left alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tarfile
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from PIL import Image

from benchmarks.idx import read_idx
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
PICTURES = frozenset({".webp", ".jpg", ".jpeg", ".png", ".pgm"})


@dataclass(frozen=True, slots=True)
class Archive:
    """One data set: its file, and the folder within it whose pictures are wanted (empty: all of them)."""

    file: str
    inside: str = ""
    labels: str = ""
    """Where pictures and labels are two IDX files: the second one."""
    nested: str = ""
    """Where the data set is a zip within the archive: its name there."""
    texts: bool = False
    """Whether `.txt` files are wanted too."""


ARCHIVES = {
    "tiny-imagenet": Archive("photos_tiny_imagenet_160.zip"),
    "clothing": Archive("clothing_small_112.zip"),
    "clothing-full": Archive("photos_fullsize_clothing_150.zip"),
    "omniglot": Archive("omniglot_background.tar.xz", inside="images_background"),
    "omniglot-runs": Archive("omniglot_background.tar.xz", nested="all_runs.zip", texts=True),
    "faces": Archive("faces_orl40.tar.xz"),
    "signatures": Archive("sig_crossmedia_w001-070_gray160.zip"),
    "mnist": Archive("mnist/t10k-images-idx3-ubyte.gz", labels="mnist/t10k-labels-idx1-ubyte.gz"),
    "fashion-mnist": Archive(
        "fashion_mnist/t10k-images-idx3-ubyte.gz", labels="fashion_mnist/t10k-labels-idx1-ubyte.gz"
    ),
}


def datasets_folder() -> Path:
    """Give the folder of the archives, whether it is there or not."""
    return Path(os.environ.get("TWINLENS_DATASETS") or ROOT.parent / "shared" / "datasets")


def unpack(name: str, out: Path, source: Path | None = None) -> Path:
    """Unpack one data set into `out/name`, aside first, so that a folder of that name is whole; return the folder.

    Raises:
        DataError: an unknown name, a missing archive, or an archive with a member that leads out of the folder.
    """
    if name not in ARCHIVES:
        raise DataError(f"no data set is called {name!r}: there are {', '.join(ARCHIVES)}")
    folder = out / name
    if folder.is_dir():
        return folder
    archive = ARCHIVES[name]
    file = (source or datasets_folder()) / archive.file
    if not file.is_file():
        raise DataError(f"{file}: no such archive. Set TWINLENS_DATASETS to the folder that holds it")
    aside = out / f"{name}.part"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    if archive.labels:
        _write_idx(aside / "test", file, (source or datasets_folder()) / archive.labels)
    else:
        for member, stream in _nested(file, archive.nested) if archive.nested else _members(file):
            _write(aside, _inside(member, archive, file), stream)
    aside.rename(folder)
    return folder


def _nested(file: Path, name: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Every regular file of a zip that is itself a member."""
    for member, stream in _members(file):
        if member == name:
            with zipfile.ZipFile(BytesIO(stream.read())) as packed:
                for info in packed.infolist():
                    if not info.is_dir():
                        with packed.open(info) as content:
                            yield info.filename, content
            return
    raise DataError(f"{file}: holds no {name}. The archive is not what it should be")


def _members(file: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Every regular file of a zip or tar, with its content; links and devices are passed over."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as packed:
            for info in packed.infolist():
                if not info.is_dir():
                    with packed.open(info) as stream:
                        yield info.filename, stream
    else:
        with tarfile.open(file) as tape:
            for entry in tape:
                content = tape.extractfile(entry) if entry.isfile() else None
                if content is not None:
                    yield entry.name, content


def _inside(member: str, archive: Archive, file: Path) -> PurePosixPath | None:
    """Where a member goes, relative to the data set's folder; None: it is not wanted."""
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts or "\\" in member or ":" in member:
        raise DataError(f"{file}: its member {member!r} leads out of the folder. The archive is not what it should be")
    if path.suffix.lower() not in PICTURES and not (archive.texts and path.suffix == ".txt"):
        return None
    if not archive.inside:
        return path
    return path.relative_to(archive.inside) if path.is_relative_to(archive.inside) else None


def _write(folder: Path, path: PurePosixPath | None, stream: IO[bytes]) -> None:
    if path is not None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix.lower() == ".pgm":
            Image.open(BytesIO(stream.read()), formats=("PPM",)).save(target.with_suffix(".png"))
            return
        with target.open("wb") as file:
            shutil.copyfileobj(stream, file)


def _write_idx(folder: Path, pictures: Path, labels: Path) -> None:
    """One PNG a picture, called by its place in the file, in the folder of its label."""
    pixels, codes = read_idx(pictures), read_idx(labels)
    if pixels.ndim != 3 or codes.shape != pixels.shape[:1]:
        raise DataError(f"{pictures} and {labels}: {pixels.shape} pixels do not go with {codes.shape} labels")
    for code in sorted(set(codes.tolist())):
        (folder / str(code)).mkdir(parents=True)
    for place, (picture, code) in enumerate(zip(pixels, codes.tolist(), strict=True)):
        Image.fromarray(picture).save(folder / str(code) / f"{place:05}.png")


def main(arguments: Sequence[str] | None = None) -> None:
    """Unpack the named data sets, all of them unless told."""
    parser = argparse.ArgumentParser(description="Unpack the data sets into folders of pictures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(ARCHIVES)} (all)")
    parser.add_argument("--out", type=Path, default=Path(".cache/datasets"), help="folder to write (.cache/datasets)")
    options = parser.parse_args(arguments)
    try:
        for name in options.names or ARCHIVES:
            folder = unpack(name, options.out)
            pictures = sum(1 for path in folder.rglob("*") if path.is_file())
            print(f"{folder}: {pictures} pictures")
    except DataError as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    main()
