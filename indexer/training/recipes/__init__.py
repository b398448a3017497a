"""Recipes: one file each, with a `CONFIG` for a training or a `COMBINATION` of networks that needs none.

The docstring of a recipe states its command, time and result.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from indexer.training.config import CombineConfig, FineTuneConfig, TrainConfig
from search.errors import DataError

OLD_NAMES = {"builtin": "small"}
"""Earlier names of recipes, which are still accepted."""


def recipe_names() -> list[str]:
    """Names of all recipes for `twinlens train`."""
    return _names_with("CONFIG")


def combination_names() -> list[str]:
    """Names of all recipes for `indexer.training.combining`."""
    return _names_with("COMBINATION")


def fine_tuning_names() -> list[str]:
    """Names of all recipes for `indexer.training.fine_tuning`."""
    return _names_with("FINE_TUNING")


def load_fine_tuning(name: str) -> FineTuneConfig:
    """The settings of a recipe of `fine_tuning_names`."""
    config: FineTuneConfig = import_module(f"{__name__}.{name}").FINE_TUNING
    return config


def load_recipe(name: str) -> TrainConfig:
    """The settings of a recipe.

    Raises:
        DataError: there is no recipe of that name.
    """
    name = OLD_NAMES.get(name, name)
    if name not in recipe_names():
        raise DataError(f"unknown recipe {name!r}. Use one of {', '.join(recipe_names())}")
    config: TrainConfig = import_module(f"{__name__}.{name}").CONFIG
    return config


def load_combination(name: str) -> CombineConfig:
    """The settings of a recipe of `combination_names`."""
    config: CombineConfig = import_module(f"{__name__}.{name}").COMBINATION
    return config


def recipe_summary(name: str) -> str:
    """The first line of a recipe's docstring."""
    return (import_module(f"{__name__}.{name}").__doc__ or "").strip().partition("\n")[0]


def _names_with(attribute: str) -> list[str]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [name for name in names if hasattr(import_module(f"{__name__}.{name}"), attribute)]
