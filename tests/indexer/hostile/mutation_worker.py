"""Look at mutated catalogs one after the other, in a process that may die or hang of one of them.

Each line of standard input is a number of `catalog_mutations.mutate`; each line of standard output is what came of it,
as JSON: `what` was done, and the `faults`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from indexer.health.check import inspect
from search import TwinlensError
from tests.indexer.hostile import catalog_seed, doors
from tests.indexer.hostile.catalog_mutations import mutate


def look(number: int, seed: Path, folder: Path) -> dict[str, object]:
    """Mutate a copy of an index; `check`, the engine and some of the commands look at it.

    Args:
        number: of the mutation; also says which commands are asked.
        seed: the folder of `catalog_seed.make`.
        folder: where copies may be made.
    """
    index = catalog_seed.copy(seed / "i", folder / "j")
    what = mutate(index, number)
    changed = catalog_seed.copy(index, folder / "changed")
    faults = [f"check: {fault}" for fault in check_faults(index)]
    if fault := doors.engine_fault(index):
        faults.append(f"engine: {fault}")
    for commands in (doors.readers, doors.writers):
        name, words = list(commands(index, seed).items())[number % len(commands(index, seed))]
        catalog_seed.copy(changed, index)
        if fault := doors.command(words).fault:
            faults.append(f"{name}: {fault}")
    return {"number": number, "what": what, "faults": faults}


def check_faults(index: Path) -> list[str]:
    """`check` must find something, and name the file in a line."""
    try:
        report = inspect(index)
    except TwinlensError as error:
        return [f"no report: {error}"]
    lines = [str(finding) for finding in report.findings]
    return [] if lines else ["found nothing"]


def main() -> None:
    seed = Path(sys.argv[1])
    with catalog_seed.quick_folder() as folder:
        for line in sys.stdin:
            sys.stdout.write(json.dumps(look(int(line), seed, folder)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
