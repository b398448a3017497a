"""The public surface is a decision: a new name is added here on purpose."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import indexer
import search

ROOT = Path(__file__).parent.parent
PUBLIC = {
    "Answer",
    "Audit",
    "Calibration",
    "CollectionMap",
    "Crop",
    "CutPoints",
    "DataError",
    "DiskError",
    "EncoderError",
    "ErrorRate",
    "Explanation",
    "ForkError",
    "Heat",
    "Hit",
    "Identification",
    "Identity",
    "IndexBusyError",
    "IndexClosedError",
    "IndexFolderError",
    "IndexInfo",
    "IndexLockedError",
    "PictureError",
    "QueryError",
    "SearchEngine",
    "SearchOptions",
    "SegmentAudit",
    "SegmentInfo",
    "StoreError",
    "Text",
    "Timing",
    "TwinlensError",
    "UnsupportedError",
    "Verification",
    "open_index",
}
VERBS = {
    "add",
    "attend",
    "build",
    "build_in_store",
    "calibrate",
    "check",
    "choose",
    "choose_all",
    "draw_index_map",
    "drop_column",
    "embed_part",
    "enroll",
    "evaluate",
    "export",
    "find_duplicates",
    "import_parts",
    "import_vectors",
    "inspect",
    "load_exif",
    "load_metadata",
    "load_recipe",
    "make_map",
    "migrate",
    "rebuild",
    "recipe_names",
    "remove",
    "repair",
    "sync",
    "teach",
    "train",
    "unenroll",
    "watch",
}
TYPES = {
    "AttendConfig",
    "AugmentConfig",
    "BuildConfig",
    "CalibrateConfig",
    "CalibrateReport",
    "ChangeReport",
    "CheckReport",
    "Choice",
    "DuplicateReport",
    "DuplicatesConfig",
    "EmbedConfig",
    "EnrollConfig",
    "EnrollReport",
    "EvaluateConfig",
    "Evaluation",
    "ExifReport",
    "ExportConfig",
    "ExportReport",
    "Finding",
    "Group",
    "IdentifyConfig",
    "ImportConfig",
    "KeptMap",
    "MapReport",
    "Member",
    "MetadataReport",
    "MigrateConfig",
    "MigrateReport",
    "PartReport",
    "PartsConfig",
    "Progress",
    "RepairReport",
    "Seen",
    "Shard",
    "TrainConfig",
    "TrainEvent",
    "TrainReport",
    "TrainingCollapsedError",
    "WatchConfig",
}
both_packages = pytest.mark.parametrize(("package", "names"), [(search, PUBLIC), (indexer, VERBS | TYPES)])


@both_packages
def test_exported_names(package: ModuleType, names: set[str]) -> None:
    assert set(package.__all__) == names
    assert package.__all__ == sorted(package.__all__)
    assert names <= set(dir(package))
    for name in names:
        assert getattr(package, name).__doc__, name


@both_packages
def test_a_lazy_name_is_that_of_the_module_that_defines_it(package: ModuleType, names: set[str]) -> None:
    for module, lazy in package._LAZY.items():
        assert lazy <= names
        for name in lazy:
            assert getattr(package, name) is getattr(import_module(module), name)
            assert getattr(package, name).__name__ == name


@both_packages
def test_an_unknown_name_is_an_attribute_error(package: ModuleType, names: set[str]) -> None:
    assert not hasattr(package, "nonsense")


@pytest.mark.slow
@pytest.mark.thinned(2)
@pytest.mark.parametrize("package", ["search", "indexer"])
def test_no_submodule_takes_the_place_of_a_public_name(package: str) -> None:
    """An import of `indexer.metadata` sets the attribute `metadata` of `indexer`, whatever it was before."""
    script = f"""
import pkgutil, types
from importlib import import_module
import {package}
for module in pkgutil.walk_packages({package}.__path__, "{package}."):
    import_module(module.name)
for name in {package}.__all__:
    value = getattr({package}, name)
    assert not isinstance(value, types.ModuleType), name
    assert value.__name__ == name, name
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", sorted(VERBS - {"choose", "choose_all", "load_recipe", "recipe_names"}))
def test_a_path_may_be_given_as_text(verb: str) -> None:
    first = next(iter(inspect.signature(getattr(indexer, verb)).parameters.values()))
    assert "str" in str(first.annotation), f"{verb}({first})"


def test_every_verb_says_what_it_returns() -> None:
    for verb in VERBS:
        assert inspect.signature(getattr(indexer, verb)).return_annotation != inspect.Signature.empty


def test_every_error_is_a_twinlens_error() -> None:
    errors = [getattr(search, name) for name in PUBLIC if name.endswith("Error")]
    assert len(errors) == 13
    assert all(issubclass(error, search.TwinlensError) for error in [*errors, indexer.TrainingCollapsedError])


@both_packages
def test_type_checkers_see_every_lazy_name(package: ModuleType, names: set[str]) -> None:
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    typed = {
        str(node.module): {alias.name for alias in node.names}
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }
    assert typed == package._LAZY
