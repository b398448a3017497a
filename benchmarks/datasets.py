"""Unpack the data sets into folders of pictures: `python -m benchmarks.datasets --out .cache/datasets`.

    OUT/tiny-imagenet/train/WNID/*.webp     OUT/tiny-imagenet/val/WNID/*.webp
    OUT/varied/SET/CLASS/*.webp
    OUT/clothing/train|validation|test/CLASS/*.jpg
    OUT/clothing-full/**/*.jpg  (150 of them at full size)
    OUT/omniglot/ALPHABET/characterNN/*.png
    OUT/omniglot-runs/runNN/training|test/*.png, class_labels.txt   (the one-shot test: not for training)
    OUT/faces/sN/*.png         (PGM in the archive, which Twinlens does not read)
    OUT/signatures/writerNNN/*.png
    OUT/mnist/train|test/DIGIT/*.png    OUT/fashion-mnist/train|test/CLASS/*.png  (CLASS is a digit too)

The archives are read from the folder in the environment variable `TWINLENS_DATASETS`, which defaults to
`../shared/datasets` relative to the repository's root. Folders that exist are not changed; missing ones are added.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tarfile
import zipfile
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from PIL import Image

from benchmarks.idx import read_idx
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
PICTURES = frozenset({".webp", ".jpg", ".jpeg", ".png", ".pgm"})


@dataclass(frozen=True, slots=True)
class Archive:
    """A data set in an archive."""

    file: str
    inside: str = ""
    """Folder in the archive to unpack; defaults to all of it."""
    nested: str = ""
    """Name of a zip inside the archive that contains the data set."""
    texts: bool = False
    """Whether `.txt` files are unpacked too."""


@dataclass(frozen=True, slots=True)
class IdxFolder:
    """A data set in a folder of four IDX files with the names of MNIST's."""

    folder: str

    def files(self, part: str) -> tuple[str, str]:
        """The files of pictures and labels of `train` or `test`."""
        name = {"train": "train", "test": "t10k"}[part]
        return f"{self.folder}/{name}-images-idx3-ubyte.gz", f"{self.folder}/{name}-labels-idx1-ubyte.gz"


PARTS = ("train", "test")
ARCHIVES: dict[str, Archive | IdxFolder] = {
    "tiny-imagenet": Archive("photos_tiny_imagenet_160.zip"),
    "varied": Archive("photos_varied_160.zip"),
    "clothing": Archive("clothing_small_112.zip"),
    "clothing-full": Archive("photos_fullsize_clothing_150.zip"),
    "omniglot": Archive("omniglot_background.tar.xz", inside="images_background"),
    "omniglot-runs": Archive("omniglot_background.tar.xz", nested="all_runs.zip", texts=True),
    "faces": Archive("faces_orl40.tar.xz"),
    "signatures": Archive("sig_crossmedia_w001-070_gray160.zip"),
    "mnist": IdxFolder("mnist"),
    "fashion-mnist": IdxFolder("fashion_mnist"),
}


def datasets_folder() -> Path:
    """The folder of the archives, which may not exist."""
    return Path(os.environ.get("TWINLENS_DATASETS") or ROOT.parent / "shared" / "datasets")


def unpack(name: str, out: Path, source: Path | None = None) -> Path:
    """Unpack one data set into `out/name` and return the folder.

    The folder is renamed to its name when it is complete. A data set in IDX files has two such folders,
    `out/name/train` and `out/name/test`.

    Raises:
        DataError: an unknown name, a missing archive, or an archive with a member outside the folder.
    """
    if name not in ARCHIVES:
        raise DataError(f"unknown data set {name!r}. Use one of {', '.join(ARCHIVES)}")
    archive, folder, source = ARCHIVES[name], out / name, source or datasets_folder()
    if isinstance(archive, IdxFolder):
        for part in PARTS:
            pictures, labels = (source / file for file in archive.files(part))
            _complete(folder / part, out / f"{name}-{part}.part", partial(_write_idx, pictures=pictures, labels=labels))
        return folder
    file = source / archive.file
    if not folder.is_dir() and not file.is_file():
        raise DataError(f"{file}: no such archive. Set TWINLENS_DATASETS to the folder that holds it")
    return _complete(folder, out / f"{name}.part", partial(_write_members, file=file, archive=archive))


def _complete(folder: Path, aside: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a folder under another name and rename it; a folder that exists is not changed."""
    if not folder.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        fill(aside)
        folder.parent.mkdir(exist_ok=True)
        aside.rename(folder)
    return folder


def _write_members(folder: Path, *, file: Path, archive: Archive) -> None:
    for member, stream in _nested(file, archive.nested) if archive.nested else _members(file):
        _write(folder, _inside(member, archive, file), stream)


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
    raise DataError(f"{file}: holds no {name}. Replace the archive")


def _members(file: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Every regular file of a zip or tar, with its content; links and devices are skipped."""
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
    """The path of a member relative to the data set's folder; None if it is not unpacked."""
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts or "\\" in member or ":" in member:
        raise DataError(f"{file}: its member {member!r} is outside the folder. Replace the archive")
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


def _write_idx(folder: Path, *, pictures: Path, labels: Path) -> None:
    """Write one PNG per picture, named by its position in the file, into the folder of its label."""
    pixels, codes = read_idx(pictures), read_idx(labels)
    if pixels.ndim != 3 or codes.shape != pixels.shape[:1]:
        raise DataError(f"{pictures} and {labels}: {pixels.shape} pixels do not match {codes.shape} labels")
    for code in sorted(set(codes.tolist())):
        (folder / str(code)).mkdir(parents=True)
    for place, (picture, code) in enumerate(zip(pixels, codes.tolist(), strict=True)):
        Image.fromarray(picture).save(folder / str(code) / f"{place:05}.png")


def main(arguments: Sequence[str] | None = None) -> None:
    """Unpack the named data sets, or all of them."""
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
