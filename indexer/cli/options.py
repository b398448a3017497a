"""Arguments and options that several commands have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.config import MOST_AT_ONCE, MOST_WORKERS, Device, Precision, References
from search.errors import QueryError
from search.store.address import FORMS, refuse_uri
from search.text import one_line, printable

if TYPE_CHECKING:
    from search.crop import Crop

MOST_SECONDS = 10_000_000.0
"""About four months: some systems cannot wait longer."""


def _known_kind(kind: str) -> str:
    """Reject an unknown index kind as an invalid option."""
    from search.indexes import AUTO, KINDS

    if kind not in (AUTO, *KINDS):
        raise typer.BadParameter(f"there is no index kind {kind!r}. Choose one of {', '.join((AUTO, *KINDS))}")
    return kind


_UNITS = {"": 1, "B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT]?I?B?)", re.IGNORECASE)


def read_size(text: str) -> int:
    """Read a number of bytes with a unit of 1024^n, such as 2GB or 512 MiB; reported as an invalid option otherwise."""
    found = _SIZE.fullmatch(text.strip())
    unit = found[2].upper().replace("I", "").rstrip("B") if found else ""
    size = int(float(found[1]) * _UNITS[unit and f"{unit}B"]) if found else 0
    if not 0 < size < 2**62:
        raise typer.BadParameter(f"{text!r} is not a size in bytes. Write it as 512MB, or 2GB")
    return size


def refused_uri(index: Path | None) -> Path | None:
    """Refuse the URI of a store where a command works on a folder."""
    if index is not None:
        refuse_uri(index)
    return index


def _rate(value: float | None) -> float | None:
    """Reject a rate outside (0, 1) as an invalid option."""
    if value is not None and not 0 < value < 1:
        raise typer.BadParameter(f"{value} is not a rate: it must be more than 0 and less than 1")
    return value


# Every command ------------------------------------------------------------------------------------------------------

PicturesArgument = Annotated[
    Path,
    typer.Argument(
        help="The folder of pictures, searched with all its subfolders; or s3://BUCKET/FOLDER and other addresses, tar "
        "shards such as 'train-*.tar', or a .txt with one address per line."
    ),
]
IndexArgument = Annotated[Path, typer.Argument(help="The index folder.", callback=refused_uri)]
IndexOption = Annotated[Path, typer.Option("--index", "-i", help="The index folder.", callback=refused_uri)]
StoreArgument = Annotated[str, typer.Argument(metavar="INDEX", help=f"The index folder, or {FORMS}.")]
StoreOption = Annotated[str, typer.Option("--index", "-i", metavar="INDEX", help=f"The index folder, or {FORMS}.")]
DeviceOption = Annotated[Device, typer.Option(help="Where to compute; auto uses a GPU if there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Only pictures that match this filter, such as label=shoe, or "
        "\"taken >= 2024-01-01 and camera glob 'Canon*'\". If it is given several times, all filters must match."
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="GLOB",
        help="Leave out files and folders with this name, such as 'raw' or '*.tif', or at this path, such as 'raw/**'. "
        "!NAME includes one again. May be repeated. @eaDir, #recycle, lost+found and the like are always left out.",
    ),
]

# Commands that change an index --------------------------------------------------------------------------------------

EncoderOption = Annotated[
    str | None,
    typer.Option(
        help="photo, small, color-layout, torchvision:NAME, timm:NAME, open_clip:NAME, faces, or a folder that train "
        "wrote.  [default: that of the index; photo for a new one]",
        show_default=False,
    ),
]
PrecisionOption = Annotated[
    Precision | None,
    typer.Option(
        help="Precision of the encoder on a CPU with OpenVINO: bfloat16 is faster if the CPU has it."
        "  [default: that of the index; float32 for a new one]",
        show_default=False,
    ),
]
KindOption = Annotated[
    str,
    typer.Option(
        help="Index kind: auto, flat, pq4, hnsw, hnsw8, ivf, ivfpq, ivfpq4, cagra, hnswlib or turbovec.",
        callback=_known_kind,
    ),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=NUMBER",
        help="A parameter of the kind, such as M=16, ef_construction=200, or threads=1 for a graph that is the same in "
        "each build. May be repeated.",
    ),
]
RecallOption = Annotated[
    float, typer.Option(help="Target recall@10 of an approximate index kind, for new pictures.", min=0.0, max=1.0)
]
MemoryOption = Annotated[
    int | None,
    typer.Option(
        metavar="SIZE",
        parser=read_size,
        help="Memory that the structure which auto chooses may need while the index is open, such as 2GB."
        "  [default: no limit]",
        show_default=False,
    ),
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        help="Source of the labels: folder (the path of a picture's folder below PICTURES), none, or a CSV with the "
        "columns path and label."
        "  [default: the source that the index remembers; folder for a new one]",
        show_default=False,
    ),
]
BatchSizeOption = Annotated[int, typer.Option(help="Pictures embedded at once.", min=1, max=MOST_AT_ONCE)]
WorkersOption = Annotated[
    int,
    typer.Option(
        help="Threads that read and decode pictures.  [default: one per core, at most 8]",
        show_default=False,
        min=1,
        max=MOST_WORKERS,
    ),
]
AllowMissingOption = Annotated[
    bool, typer.Option("--allow-missing", help="Remove pictures whose whole folder is missing or empty.")
]
RehashOption = Annotated[
    bool,
    typer.Option("--rehash", help="Read every file again, even if it looks unchanged. Only new content is embedded."),
]
MetadataOption = Annotated[
    Path | None,
    typer.Option("--metadata", help="CSV or JSON lines of columns to store with the pictures; see twinlens metadata."),
]

# Commands that identify people --------------------------------------------------------------------------------------

ReferencesOption = Annotated[
    References,
    typer.Option(help="How several reference pictures are compared: by the best (nearest) one, or by their mean."),
]
MaxFalseAcceptOption = Annotated[
    float | None,
    typer.Option(
        help="Largest share of strangers that may be accepted.  [default: the rate of the calibration]",
        show_default=False,
        callback=_rate,
    ),
]
ThresholdOption = Annotated[
    float | None, typer.Option(help="Use this distance instead of the calibrated threshold.", min=0, max=2)
]


BoxOption = Annotated[
    str | None,
    typer.Option(
        metavar="X0,Y0,X1,Y1",
        help="The part of the one picture that shows the person, in shares of its width and height. With the encoder "
        "faces, the face whose centre lies in it.",
    ),
]


def read_crop(text: str | None, option: str) -> Crop | None:
    """Read a part of a picture; an invalid one is reported as an invalid option."""
    from search.crop import Crop

    try:
        return None if text is None else Crop.read(text)
    except QueryError as error:
        raise typer.BadParameter(printable(str(error)), param_hint=option) from None


def read_params(given: list[str] | None) -> dict[str, int] | None:
    """Read the parameters of `--param`; an invalid one is reported as an invalid option."""
    read: dict[str, int] = {}
    for text in given or ():
        name, sign, number = text.partition("=")
        try:
            value = int(number)
        except ValueError:
            sign = ""
        if not (name and sign):
            shown = one_line(text)
            raise typer.BadParameter(f"{shown} is not NAME=NUMBER, such as M=16", param_hint="'--param'")
        if name in read:
            raise typer.BadParameter(f"{one_line(name)} is given twice", param_hint="'--param'")
        read[name] = value
    return read or None


def patterns(exclude: list[str] | None) -> tuple[str, ...] | None:
    """Patterns of `--exclude`; an empty text clears them, and None means that the option was not given."""
    return None if exclude is None else tuple(each for each in exclude if each)
