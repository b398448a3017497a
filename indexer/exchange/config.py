"""Settings of export and import, and their only defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from search.config import BuildConfig, Device
from search.counts import check_range

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from search.filters.language import Where

Format = Literal["parquet", "npy"]
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True)
class ExportConfig:
    """Settings of an export."""

    format: Format = "parquet"
    where: Where | None = None
    """Export only the pictures that match this filter."""
    force: bool = False
    """Replace an earlier export."""


@dataclass(frozen=True)
class ImportConfig:
    """Settings of an import."""

    encoder: str | None = None
    """The encoder that made the vectors, as `build` takes it, or any name with `foreign`. Defaults to the encoder of
    the export."""
    foreign: bool = False
    """The encoder is not available, so that new pictures cannot be searched."""
    paths: str | os.PathLike[str] | None = None
    """Text (one path per line), CSV or JSON lines with the picture of each row of a .npy file."""
    root: str | os.PathLike[str] | None = None
    """Base folder of relative paths; defaults to the folder of the file that contains the paths."""
    path_column: str = "path"
    """Column of paths in a Parquet file."""
    vector_column: str = "vector"
    """Column of vectors in a Parquet file."""
    normalize: bool = False
    """Divide each vector by its length if that is not 1."""
    hash_files: bool = False
    """Read the existing pictures, so that a later sync of their folder does not embed them again."""
    replace: bool = False
    """Replace the vectors of pictures that the index has with another vector."""
    kind: str = BuildConfig.kind
    device: Device = BuildConfig.device
    recall: float = BuildConfig.recall
    params: Mapping[str, int] | None = BuildConfig.params

    def __post_init__(self) -> None:
        """Raise QueryError for an invalid recall."""
        object.__setattr__(self, "recall", check_range("recall", self.recall, 1.0))

    def build_config(self) -> BuildConfig:
        """The settings for building the index structure."""
        return BuildConfig(
            encoder=self.encoder, kind=self.kind, device=self.device, recall=self.recall, params=self.params
        )


def chunk_rows(dim: int) -> int:
    """Number of rows to read, check or write at a time: 16 MiB of vectors, at most 65,536 rows."""
    return max(1, min(65_536, 2**24 // (4 * dim)))
