"""How vectors go out and come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from search.config import BuildConfig, Device

if TYPE_CHECKING:
    import os

    from search.filters.language import Where

Format = Literal["parquet", "npy"]
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True)
class ExportConfig:
    """What an export holds."""

    format: Format = "parquet"
    where: Where | None = None
    """Only the pictures that this filter takes in."""
    force: bool = False
    """Take the place of an earlier export."""


@dataclass(frozen=True)
class ImportConfig:
    """What the vectors are, and how they become an index."""

    encoder: str | None = None
    """Who made them: an encoder as `build` takes it, or with `foreign` any name. None: the export says it."""
    foreign: bool = False
    """The encoder is not at hand: no picture from outside can be searched."""
    paths: str | os.PathLike[str] | None = None
    """Text (a path a line), CSV or JSON lines with the picture of each row of a .npy file."""
    root: str | os.PathLike[str] | None = None
    """What relative paths are relative to; None: the folder of the file that holds them."""
    path_column: str = "path"
    vector_column: str = "vector"
    """Column of a Parquet file."""
    normalize: bool = False
    """Divide each vector by its length, where it is not 1."""
    hash_files: bool = False
    """Read the pictures that exist, so that later changes of their folder embed none of them again."""
    replace: bool = False
    """Give pictures that the index has with another vector the new one."""
    kind: str = BuildConfig.kind
    device: Device = BuildConfig.device
    recall: float = BuildConfig.recall

    def build_config(self) -> BuildConfig:
        """The part that says how a structure is built."""
        return BuildConfig(encoder=self.encoder, kind=self.kind, device=self.device, recall=self.recall)


def chunk_rows(dim: int) -> int:
    """Rows that are read, checked or written at once: 16 MiB of vectors, and 65,536 at most."""
    return max(1, min(65_536, 2**24 // (4 * dim)))
