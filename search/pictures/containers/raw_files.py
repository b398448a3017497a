"""Whether a file is a raw photo: known by content, as the suffixes `.tif`, `.dng` and `.nef` say little.

Sources: TIFF/EP (ISO 12234-2), the DNG specification 1.7, and the signatures by which LibRaw knows the others.
"""

from __future__ import annotations

from math import prod

from search.pictures.containers.tiff_pages import (
    DNG_VERSION,
    PHOTOMETRIC,
    SUB_DIRECTORIES,
    SUBFILE,
    directories,
    is_tiff,
)

RAW_SUFFIXES: frozenset[str] = frozenset(
    (".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".raf", ".orf", ".rw2", ".pef", ".srw", ".3fr")
)

_SIGNATURES = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")
"""Fujifilm RAF; Olympus ORF, three times; Panasonic RW2; Sigma X3F; Minolta MRW. The 2nd to 5th are TIFFs with another
number."""
_LATER_SIGNATURES = ((4, b"ftypcrx "), (6, b"HEAPCCDR"), (8, b"IIII"))
"""With their places: Canon CR3, Canon CRW, Phase One IIQ."""
_SENSOR = frozenset((32_803, 34_892))
"""Photometric interpretations of a colour filter array, and of what was calculated from one and not developed."""
_REDUCED = 1
"""The bit of NewSubfileType that a preview has set."""


def is_raw(data: bytes) -> bool:
    """Whether the bytes of a whole file are a raw photo: what stands in front in it is a preview, if anything is."""
    if data.startswith(_SIGNATURES) or any(data.startswith(mark, at) for at, mark in _LATER_SIGNATURES):
        return True
    if not is_tiff(data):
        return False
    if data[8:10] == b"CR":  # Canon CR2, behind the TIFF header
        return True
    pages = list(directories(data))
    if not pages:
        return False
    first, others = pages[0], pages[1:]
    if DNG_VERSION in first.values or any(page.number(PHOTOMETRIC) in _SENSOR for page in pages):
        return True
    # A preview in front of a larger picture, as raw formats have it that are not named above.
    below = {place for page in pages for place in page.numbers(SUB_DIRECTORIES)}
    reduced = bool(first.number(SUBFILE) & _REDUCED)
    return any(
        prod(page.size) > prod(first.size)
        and (page.at in below or (reduced and not page.number(SUBFILE, _REDUCED) & _REDUCED))
        for page in others
    )
