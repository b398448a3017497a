"""Text that any reader of Parquet and JSON takes, of names that need not be UTF-8.

What is UTF-8 stays as it is. Any other text is written as `bytes:` and its bytes, percent-encoded where they are not
plain ASCII: `bytes:/photos/caf%E9.jpg`. Text that begins with `bytes:` by itself is written so too, so that each
text has one form and each form one text. Lone surrogates in JSON were the alternative: Parquet has no such thing, and
readers of JSON differ in what they make of them.
"""

from __future__ import annotations

from urllib.parse import quote_from_bytes, unquote_to_bytes

_MARK = "bytes:"


def plain_text(text: str) -> str:
    """Write text that may hold bytes of a file's name (as Python decodes those: surrogateescape)."""
    data = text.encode("utf-8", "surrogateescape")
    if text.startswith(_MARK) or not _is_utf8(data):
        return _MARK + quote_from_bytes(data, safe="/")
    return text


def read_plain_text(plain: str) -> str:
    """Read back what `plain_text` wrote."""
    if not plain.startswith(_MARK):
        return plain
    return unquote_to_bytes(plain.removeprefix(_MARK)).decode("utf-8", "surrogateescape")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
