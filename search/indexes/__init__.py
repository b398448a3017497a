"""The table of index kinds: names and the classes behind them, which are imported on first use.

    flat      exact: compares every vector; needs only NumPy and no structure file; CPU or GPU
    pq4       FAISS: scans codes of 4 bits per two dimensions, a sixteenth of the vectors; built in seconds; CPU
    hnsw      FAISS: a graph that is walked from neighbour to neighbour; fast and accurate, reads the vectors; CPU
    hnsw8     FAISS: the same graph over 8-bit vectors; faster, and needs no vectors to walk; CPU
    ivf       FAISS: clusters, of which the nearest few are searched; CPU or GPU
    ivfpq     FAISS: clusters of compressed vectors, with about a sixteenth of the memory; CPU or GPU
    ivfpq4    FAISS: clusters of the codes of pq4; fast on millions of rows, built far sooner than a graph; CPU
    cagra     FAISS: a graph that a GPU builds and walks, if FAISS was built with cuVS; exact elsewhere
    hnswlib   like hnsw, from the library of that name, which also filters during the walk; CPU
    turbovec  turbovec: scans codes of 4 bits per dimension; built in a second, needs few candidates; CPU, an extra

For `auto`, `indexer.tuning` tries kinds on a sample of the vectors.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from search.errors import UnsupportedError
from search.forks import use_one_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search.config import Device
    from search.indexes.base import VectorIndex

_TABLE = {
    "flat": "search.indexes.flat:FlatIndex",
    "pq4": "search.indexes.faiss_pq4:FaissPq4Index",
    "hnsw": "search.indexes.faiss_hnsw:FaissHnswIndex",
    "hnsw8": "search.indexes.faiss_hnsw8:FaissHnsw8Index",
    "ivf": "search.indexes.faiss_ivf:FaissIvfIndex",
    "ivfpq": "search.indexes.faiss_ivfpq:FaissIvfPqIndex",
    "ivfpq4": "search.indexes.faiss_ivfpq4:FaissIvfPq4Index",
    "cagra": "search.indexes.faiss_cagra:FaissCagraIndex",
    "hnswlib": "search.indexes.hnswlib_index:HnswlibIndex",
    "turbovec": "search.indexes.turbovec_index:TurbovecIndex",
}
"""Kind to `module:Class`. A new kind needs one file and one line here."""

KINDS = tuple(_TABLE)
AUTO = "auto"


def index_class(kind: str) -> type[VectorIndex]:
    """Import the class of a kind.

    Raises:
        UnsupportedError: the kind is unknown, or its package is not installed.
    """
    if kind not in _TABLE:
        raise UnsupportedError(f"unknown index kind {kind!r}: the kinds are {', '.join(KINDS)}")
    module, _, name = _TABLE[kind].partition(":")
    use_one_thread("faiss", lambda faiss: faiss.omp_set_num_threads)
    try:
        kind_class: type[VectorIndex] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != kind:  # the package of an optional kind has its name
            raise
        raise UnsupportedError(
            f'index kind {kind!r} needs the extra {kind!r}: pip install "twinlens[{kind}]"'
        ) from error
    return kind_class


def check_parameters(kind: str, parameters: Mapping[str, int]) -> None:
    """Check parameters for a kind by name, before the work.

    Raises:
        UnsupportedError: the kind has no such parameter or does not support its value, or the kind is `auto`.
    """
    if kind == AUTO:
        raise UnsupportedError(
            f"the parameter {next(iter(parameters))!r} belongs to an index kind, and kind 'auto' chooses kind and"
            f" parameters itself: choose a kind by name ({', '.join(KINDS)})"
        )
    index_class(kind).check_parameters(parameters)


def resolve_device(requested: Device, kind: str) -> str:
    """Resolve the device for a kind: "cuda" or "cpu".

    Args:
        requested: "auto" uses a GPU if FAISS can use one and the kind has a GPU version.
        kind: one of `KINDS`, or "auto", which supports any device.

    Raises:
        UnsupportedError: the kind or device is unknown, or "cuda" is requested without a GPU or for a kind without a
            GPU version.
    """
    if requested not in ("auto", "cpu", "cuda"):
        raise UnsupportedError(f"unknown device {requested!r}: the devices are auto, cpu, cuda")
    has_gpu_version = kind == AUTO or "cuda" in index_class(kind).devices
    if requested == "cpu" or (requested == "auto" and not has_gpu_version):
        return "cpu"
    if not has_gpu_version:
        here = " without a GPU and a FAISS that was built with cuVS" if kind == "cagra" else ""
        raise UnsupportedError(
            f"index kind {kind!r} has no GPU version{here}: use --device auto or cpu, or a kind that has one"
            " (flat, ivf, ivfpq)"
        )
    if _gpu_available():
        return "cuda"
    if requested == "auto":
        return "cpu"
    raise UnsupportedError(
        "--device cuda: FAISS finds no GPU here. Check the NVIDIA driver (nvidia-smi) and that faiss-gpu is installed,"
        " or use --device auto or cpu"
    )


def _gpu_available() -> bool:
    from search.indexes.gpu import gpu_available

    return gpu_available()
