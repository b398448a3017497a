"""Reading, encoding and staging at the same time, against a loop that does one after the other."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from indexer.pipeline.content_hash import content_hash
from indexer.pipeline.embed import embed_files
from indexer.pipeline.known_contents import KnownContents
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.scan import FoundFile, scan
from indexer.pipeline.staging import ReadResult, Staging
from search.encoders import load_encoder
from search.encoders.color_layout import ColorLayoutEncoder
from search.errors import EncoderError
from search.pictures.decode import load_picture
from tests.conftest import draw, fill

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from search.types import Floats

SECONDS = 20
"""How long a test waits for what should come at once."""


class Recorded(Staging):
    """Notes the files and the number of vectors of each staged batch."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        super().__init__(folder, fingerprint)
        self.batches: list[tuple[list[str], int]] = []

    def add(self, files: Any, vectors: Any) -> None:
        vectors = list(vectors)
        self.batches.append(([file.path.name for file in files], len(vectors)))
        super().add(files, vectors)


class Watched(ColorLayoutEncoder):
    """Calls `before` ahead of each batch, and counts what is prepared and not encoded yet."""

    def __init__(self, before: Any = None) -> None:
        super().__init__()
        self.before, self.encoded, self.waiting, self.most = before, 0, 0, 0
        self.lock = threading.Lock()

    def prepare(self, image: Any) -> NDArray[np.uint8]:
        with self.lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        return super().prepare(image)

    def forward(self, batch: NDArray[Any]) -> Floats:
        if self.before is not None:
            self.before()
        with self.lock:
            self.encoded += 1
            self.waiting -= len(batch)
        return super().forward(batch)


def run(folder: Path, encoder: Any, files: list[FoundFile], *, batch_size: int = 4, workers: int = 2) -> Recorded:
    """Embed files into a staging file of `folder`, which is left open."""
    staging = Recorded(folder, encoder.fingerprint)
    try:
        embed_files(
            files,
            encoder,
            staging,
            KnownContents(None, staging),
            batch_size=batch_size,
            workers=workers,
            stages=Stages(Silent()),
        )
    except BaseException:
        staging.close()
        raise
    return staging


@pytest.mark.parametrize("count", [0, 1, 4, 5, 33])
def test_vectors_and_order_are_those_of_a_loop(count: int, tmp_path: Path) -> None:
    paths = fill(tmp_path / "pictures", count) if count else []
    files = scan(tmp_path / "pictures") if count else []
    encoder = load_encoder("color-layout")
    with closing(run(tmp_path, encoder, files)) as staging:
        for path in paths:
            content = content_hash(path.read_bytes())
            expected = encoder.encode([load_picture(path, target=encoder.input_size)])[0]
            np.testing.assert_array_equal(staging.vectors([content])[content], expected)
        assert [name for names, _ in staging.batches for name in names] == [file.path.name for file in files]
        assert [count for _, count in staging.batches if count] == [4] * (count // 4) + [count % 4] * (count % 4 > 0)


def test_copies_are_embedded_once_however_far_apart(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for number in range(60):
        draw(number % 7).save(tmp_path / "pictures" / f"{number:02}.png")
    with closing(run(tmp_path, load_encoder("color-layout"), scan(tmp_path / "pictures"), batch_size=3)) as staging:
        assert sum(count for _, count in staging.batches) == 7
        assert sum(len(names) for names, _ in staging.batches) == 60


def test_a_copy_in_a_batch_that_is_still_encoded_is_not_embedded_again(tmp_path: Path) -> None:
    """All batches wait until every picture is decoded, so none of them is staged when the copies are met."""
    (tmp_path / "pictures").mkdir()
    for number in range(6):
        draw(number % 2).save(tmp_path / "pictures" / f"{number}.png")
    decoded = threading.Event()
    encoder = Watched(lambda: decoded.wait(SECONDS))
    prepare = encoder.prepare

    def prepared(image: Any) -> NDArray[np.uint8]:
        array = prepare(image)
        if encoder.waiting == 6:
            decoded.set()
        return array

    encoder.prepare = prepared  # type: ignore[method-assign]
    with closing(run(tmp_path, encoder, scan(tmp_path / "pictures"), batch_size=2)) as staging:
        assert decoded.is_set()
        assert sum(count for _, count in staging.batches) == 2


def test_a_batch_is_encoded_while_the_one_before_is_staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "pictures", 40)
    second = threading.Event()
    encoder = Watched()
    encoder.before = lambda: second.set() if encoder.encoded == 1 else None
    add = Recorded.add
    met: list[bool] = []

    def added(self: Recorded, files: Any, vectors: Any) -> None:
        met.append(second.wait(SECONDS))
        add(self, files, vectors)

    monkeypatch.setattr(Recorded, "add", added)
    run(tmp_path, encoder, scan(tmp_path / "pictures")).close()
    assert met[0]


def test_the_number_of_decoded_pictures_is_bounded(tmp_path: Path) -> None:
    """A slow encoder: two batches with it, one that is full, and what the threads have read ahead."""
    fill(tmp_path / "pictures", 120)
    release = threading.Event()
    encoder = Watched(lambda: release.wait(0.05))
    run(tmp_path, encoder, scan(tmp_path / "pictures"), batch_size=4, workers=2).close()
    assert 8 < encoder.most <= 3 * 4 + (4 * 2 + 4)


def test_an_error_of_the_encoder_ends_the_work_and_keeps_what_was_staged(tmp_path: Path) -> None:
    fill(tmp_path / "pictures", 60)

    def fail_at_the_third() -> None:
        if encoder.encoded == 2:
            raise RuntimeError("no more")

    encoder = Watched(fail_at_the_third)
    before = threading.active_count()
    with pytest.raises(EncoderError, match="no more"):
        run(tmp_path, encoder, scan(tmp_path / "pictures"))
    assert threading.active_count() == before
    with closing(Staging(tmp_path, encoder.fingerprint)) as staging:
        assert sum(len(page) for page in staging.contents()) == 8
    encoder.before = None
    with closing(run(tmp_path, encoder, scan(tmp_path / "pictures"))) as staging:
        assert sum(count for _, count in staging.batches) == 52


def test_an_interrupt_ends_all_threads_and_reads_no_further_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "pictures", 200)
    encoder = Watched()

    class Interrupted(Silent):
        def advance(self, count: int) -> None:
            raise KeyboardInterrupt

    staging = Recorded(tmp_path, encoder.fingerprint)
    before = threading.active_count()
    with closing(staging), pytest.raises(KeyboardInterrupt):
        embed_files(
            scan(tmp_path / "pictures"),
            encoder,
            staging,
            KnownContents(None, staging),
            batch_size=4,
            workers=2,
            stages=Stages(Interrupted()),
        )
    assert threading.active_count() == before
    assert len(staging.batches) == 1
    assert encoder.encoded <= 3


def test_a_file_that_cannot_be_read_is_staged_in_its_place(tmp_path: Path) -> None:
    fill(tmp_path / "pictures", 9, labels=1)
    (tmp_path / "pictures" / "label0" / "0004.png").write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    files = scan(tmp_path / "pictures")
    with closing(run(tmp_path, load_encoder("color-layout"), files, batch_size=3)) as staging:
        assert [name for names, _ in staging.batches for name in names] == [file.path.name for file in files]
        results: list[ReadResult] = list(staging.results([file.path for file in files]).values())
        assert [result.path.name for result in results if result.reason] == ["0004.png"]
