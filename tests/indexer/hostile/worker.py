"""Look at pictures as the indexer does, one after the other, in a process that may die of one of them.

Each line of standard input is a number of `mutate.mutated`, or the path of a file; each line of standard output is
what came of it, as JSON: `outcome` (decoded, refused, or error: what only a fault raises), `why`, `seconds` of the
wall, `cpu` of the process, and `grown`: by how many bytes the resident memory rose above what it was before.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from indexer.pipeline.content_hash import content_hash
from search.encoders import load_encoder
from search.errors import PictureError
from search.pictures.decode import decode, read_file
from search.pictures.exif import read_exif
from tests.indexer.hostile.mutate import mutated
from tests.indexer.hostile.seeds import seeds

_STATUS = Path("/proc/self/status")


def main() -> None:
    encoder = load_encoder(sys.argv[1])
    pictures = seeds()
    for data in pictures.values():  # what libraries allocate once is no picture's doing
        encoder.prepare(decode(data, name="seed", target=encoder.input_size))
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            task = json.loads(line)
            path = Path(folder, "picture.bin")
            if isinstance(task, int):
                what, data = mutated(task, pictures)
                path.write_bytes(data)
            else:
                what, path = task, Path(task)
            sys.stdout.write(json.dumps({"task": task, "what": what, **look(path, encoder)}) + "\n")
            sys.stdout.flush()


def look(path: Path, encoder) -> dict[str, object]:
    before = start_of_peak()
    begun, worked = time.monotonic(), time.process_time()
    try:
        data = read_file(path)
        content_hash(data)
        image = decode(data, name=str(path), target=encoder.input_size)
        read_exif(data)
        encoder.prepare(image)
        outcome, why = "decoded", str(image.info["full_size"])
    except PictureError as error:
        outcome, why = "refused", error.reason
    except Exception as error:
        outcome, why = "error", repr(error)
    seconds, cpu = time.monotonic() - begun, time.process_time() - worked
    grown = peak() - before
    return {"outcome": outcome, "why": why, "seconds": seconds, "cpu": cpu, "grown": grown}


def start_of_peak() -> int:
    """Make the kernel count the peak anew; how many bytes are resident now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _field("VmRSS")


def peak() -> int:
    return _field("VmHWM")


def _field(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
