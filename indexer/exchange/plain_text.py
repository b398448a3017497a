"""Encode file names that may not be UTF-8 as text that every reader of Parquet and JSON accepts.

UTF-8 text is not changed. Any other text is written as `bytes:` followed by its bytes, percent-encoded unless they are
plain ASCII: `bytes:/photos/caf%E9.jpg`. Text that begins with `bytes:` is encoded too, so that the encoding is
unambiguous. Lone surrogates in JSON were rejected: Parquet does not allow them, and readers of JSON treat them
differently.
"""

from __future__ import annotations

from urllib.parse import quote_from_bytes, unquote_to_bytes

_MARK = "bytes:"


def plain_text(text: str) -> str:
    """Encode text that may contain undecodable bytes of a file name (surrogateescape)."""
    data = text.encode("utf-8", "surrogateescape")
    if text.startswith(_MARK) or not _is_utf8(data):
        return _MARK + quote_from_bytes(data, safe="/")
    return text


def read_plain_text(plain: str) -> str:
    """Decode the output of `plain_text`."""
    if not plain.startswith(_MARK):
        return plain
    return unquote_to_bytes(plain.removeprefix(_MARK)).decode("utf-8", "surrogateescape")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
