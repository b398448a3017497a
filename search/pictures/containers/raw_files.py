"""Recognise raw photos by content, because the suffixes `.tif`, `.dng` and `.nef` are ambiguous.

Sources: TIFF/EP (ISO 12234-2), the DNG specification 1.7, and the signatures that LibRaw uses for the others.
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
"""Fujifilm RAF; Olympus ORF (three signatures); Panasonic RW2; Sigma X3F; Minolta MRW. The 2nd to 5th are TIFFs with
another version number."""
_LATER_SIGNATURES = ((4, b"ftypcrx "), (6, b"HEAPCCDR"), (8, b"IIII"))
"""Offset and signature of Canon CR3, Canon CRW and Phase One IIQ."""
_SENSOR = frozenset((32_803, 34_892))
"""Photometric interpretations of a colour filter array, and of linear values computed from one."""
_REDUCED = 1
"""Bit of NewSubfileType that marks a reduced-size preview."""


def is_raw(data: bytes) -> bool:
    """Whether the bytes of a complete file are a raw photo; the first picture in such a file is a preview, if any."""
    if data.startswith(_SIGNATURES) or any(data.startswith(mark, at) for at, mark in _LATER_SIGNATURES):
        return True
    if not is_tiff(data):
        return False
    if data[8:10] == b"CR":  # Canon CR2, after the TIFF header
        return True
    pages = list(directories(data))
    if not pages:
        return False
    first, others = pages[0], pages[1:]
    if DNG_VERSION in first.values or any(page.number(PHOTOMETRIC) in _SENSOR for page in pages):
        return True
    # Other raw formats have a preview first and a larger picture after it.
    below = {place for page in pages for place in page.numbers(SUB_DIRECTORIES)}
    reduced = bool(first.number(SUBFILE) & _REDUCED)
    return any(
        prod(page.size) > prod(first.size)
        and (page.at in below or (reduced and not page.number(SUBFILE, _REDUCED) & _REDUCED))
        for page in others
    )
