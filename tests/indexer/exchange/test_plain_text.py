import os

import numpy as np
import pytest

from indexer.exchange.plain_text import plain_text, read_plain_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("/photos/café 100%.jpg", "/photos/café 100%.jpg"),
        ("", ""),
        ("a\nb\t\U0001f600", "a\nb\t\U0001f600"),
        (os.fsdecode(b"/photos/caf\xe9 100%.jpg"), "bytes:/photos/caf%E9%20100%25.jpg"),
        ("bytes:/a", "bytes:bytes%3A/a"),
        ("bytes:", "bytes:bytes%3A"),
    ],
)
def test_forms(text: str, plain: str) -> None:
    assert plain_text(text) == plain
    assert read_plain_text(plain) == text


def test_any_bytes_are_read_back_and_encodings_are_distinct() -> None:
    generator = np.random.default_rng(0)
    names = {bytes(generator.integers(1, 256, size, dtype=np.uint8)) for size in range(1, 60) for _ in range(20)}
    names |= {b"bytes:" + name for name in names}
    written = {plain_text(os.fsdecode(name)) for name in names}
    assert len(written) == len(names)
    assert {os.fsencode(read_plain_text(plain)) for plain in written} == names
    assert all(plain.encode("utf-8") for plain in written), "each is UTF-8"
