"""Twinlens before a query: build an index, keep it current, calibrate it, train its encoder.

>>> from indexer import BuildConfig, build, sync
>>> report = build("photos", "photos.index", BuildConfig(kind="hnsw"))
>>> print(report.images, report.skipped)
>>> print(sync("photos", "photos.index").added)

No public name is also the name of a subpackage or module here: importing one would replace the public name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.calibration.calibrate import CalibrateReport, calibrate
    from indexer.calibration.config import CalibrateConfig
    from indexer.collection.build import build
    from indexer.collection.rebuild import rebuild
    from indexer.collection.sync import sync
    from indexer.collection.watch import watch
    from indexer.duplicates.find import find_duplicates
    from indexer.duplicates.keep import Choice, choose, choose_all
    from indexer.duplicates.report import DuplicateReport, Group, Member
    from indexer.evaluation.config import EvaluateConfig
    from indexer.evaluation.evaluate import evaluate
    from indexer.evaluation.figures import Evaluation
    from indexer.exchange.config import ExportConfig, ImportConfig
    from indexer.exchange.export import ExportReport, export
    from indexer.exchange.import_vectors import import_vectors
    from indexer.health.check import CheckReport, Finding
    from indexer.health.repair import RepairReport, repair
    from indexer.metadata.load import MetadataReport, drop_column, load_metadata
    from indexer.people.attendance import Seen, attend
    from indexer.people.enroll import EnrollReport, enroll, unenroll
    from indexer.pipeline.change_report import ChangeReport
    from indexer.pipeline.exif import ExifReport, load_exif
    from indexer.pipeline.progress import Progress
    from indexer.plots.index_map import MapReport, draw_index_map
    from indexer.plots.kept_map import KeptMap, make_map
    from indexer.shards.assignment import Shard
    from indexer.shards.config import EmbedConfig, PartsConfig
    from indexer.shards.embed_part import PartReport, embed_part
    from indexer.shards.import_parts import import_parts
    from indexer.stores.add import add
    from indexer.stores.migrate import MigrateConfig, MigrateReport, migrate
    from indexer.stores.remove import remove
    from indexer.stores.store_build import build_in_store
    from indexer.stores.store_check import check, inspect
    from indexer.training import AugmentConfig, TrainConfig, load_recipe, recipe_names, train
    from indexer.training.collapse import TrainingCollapsedError
    from indexer.training.teacher import teach
    from indexer.training.trainer import TrainEvent
    from indexer.training.training import TrainReport
    from search.config import AttendConfig, BuildConfig, DuplicatesConfig, EnrollConfig, IdentifyConfig, WatchConfig

__all__ = [
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
]


_LAZY = {
    "indexer.calibration.calibrate": {"CalibrateReport", "calibrate"},
    "indexer.calibration.config": {"CalibrateConfig"},
    "indexer.collection.build": {"build"},
    "indexer.collection.rebuild": {"rebuild"},
    "indexer.collection.sync": {"sync"},
    "indexer.collection.watch": {"watch"},
    "indexer.duplicates.find": {"find_duplicates"},
    "indexer.duplicates.keep": {"Choice", "choose", "choose_all"},
    "indexer.duplicates.report": {"DuplicateReport", "Group", "Member"},
    "indexer.evaluation.config": {"EvaluateConfig"},
    "indexer.evaluation.evaluate": {"evaluate"},
    "indexer.evaluation.figures": {"Evaluation"},
    "indexer.exchange.config": {"ExportConfig", "ImportConfig"},
    "indexer.exchange.export": {"ExportReport", "export"},
    "indexer.exchange.import_vectors": {"import_vectors"},
    "indexer.health.check": {"CheckReport", "Finding"},
    "indexer.health.repair": {"RepairReport", "repair"},
    "indexer.metadata.load": {"MetadataReport", "drop_column", "load_metadata"},
    "indexer.people.attendance": {"Seen", "attend"},
    "indexer.people.enroll": {"EnrollReport", "enroll", "unenroll"},
    "indexer.pipeline.change_report": {"ChangeReport"},
    "indexer.pipeline.exif": {"ExifReport", "load_exif"},
    "indexer.pipeline.progress": {"Progress"},
    "indexer.plots.index_map": {"MapReport", "draw_index_map"},
    "indexer.plots.kept_map": {"KeptMap", "make_map"},
    "indexer.stores.add": {"add"},
    "indexer.stores.store_build": {"build_in_store"},
    "indexer.stores.migrate": {"MigrateConfig", "MigrateReport", "migrate"},
    "indexer.stores.remove": {"remove"},
    "indexer.stores.store_check": {"check", "inspect"},
    "indexer.shards.assignment": {"Shard"},
    "indexer.shards.config": {"EmbedConfig", "PartsConfig"},
    "indexer.shards.embed_part": {"PartReport", "embed_part"},
    "indexer.shards.import_parts": {"import_parts"},
    "indexer.training": {"AugmentConfig", "TrainConfig", "load_recipe", "recipe_names", "train"},
    "indexer.training.collapse": {"TrainingCollapsedError"},
    "indexer.training.teacher": {"teach"},
    "indexer.training.trainer": {"TrainEvent"},
    "indexer.training.training": {"TrainReport"},
    "search.config": {
        "AttendConfig",
        "BuildConfig",
        "DuplicatesConfig",
        "EnrollConfig",
        "IdentifyConfig",
        "WatchConfig",
    },
}


def __getattr__(name: str) -> object:
    """Import a function or class on first use: `import indexer` stays fast (PEP 562)."""
    for module, names in _LAZY.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'indexer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
