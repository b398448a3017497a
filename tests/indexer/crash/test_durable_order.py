"""What a power failure would find: files are on the disk before the catalog names them, and outlive what replaces them.

A kill loses nothing that was written, so the kills cannot tell a missing fsync. The order of the calls can.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tests.indexer.crash.prepared import Prepared
from tests.indexer.crash.scenarios import every_scenario

CATALOG_LOG = "catalog.sqlite-wal"


@pytest.mark.thinned(8)
@every_scenario
def test_files_are_synced_before_they_are_named(prepared: Prepared, faults: None) -> None:
    calls = prepared.calls
    for place, (kind, name) in enumerate(calls):
        if kind == "rename" and name.startswith(("segments/", "encoders/")) and ".part/" not in name:
            named_at = calls.index(("write", CATALOG_LOG), place)
            before, between = calls[:place], calls[place:named_at]
            parent = PurePosixPath(name).parent.as_posix()
            assert ("sync", parent) in between, f"the rename of {name} itself"
            inside = [path for call, path in between if call == "sync" and path.startswith(f"{name}/")]
            aside = [path for call, path in before if call == "sync" and ".part" in path]
            assert ("sync", name) in between or inside or aside, f"the bytes of {name}"


@pytest.mark.thinned(4)
@every_scenario
def test_new_folders_are_synced_before_what_lies_in_them_is_named(prepared: Prepared, faults: None) -> None:
    calls = prepared.calls
    for place, (kind, name) in enumerate(calls):
        if kind == "mkdir" and name and ".part" not in name and PurePosixPath(name).name in {"segments", "encoders"}:
            named_at = calls.index(("write", CATALOG_LOG), place)
            assert ("sync", "") in calls[place:named_at], f"the folder that {name} lies in"


@every_scenario
def test_the_commit_is_on_the_disk_before_anything_is_removed(prepared: Prepared, faults: None) -> None:
    calls = prepared.calls
    synced = [place for place, call in enumerate(calls) if call == ("sync", CATALOG_LOG)]
    removed = [
        place
        for place, (kind, name) in enumerate(calls)
        if kind == "remove"
        and name.startswith(("segments/", "encoders/", "staging-"))
        and not name.endswith(("-journal", ".part"))
    ]
    for place in removed:
        writes = [earlier for earlier, call in enumerate(calls[:place]) if call == ("write", CATALOG_LOG)]
        assert writes
        assert any(writes[-1] < sync < place for sync in synced), f"before {calls[place]}"
