"""One file an experiment: a docstring that tells its command, time and result, and a `CONFIG`."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from indexer.training.config import TrainConfig
from search.errors import DataError


def recipe_names() -> list[str]:
    """Every recipe in this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_recipe(name: str) -> TrainConfig:
    """Give the settings of a recipe.

    Raises:
        DataError: there is no recipe of that name.
    """
    if name not in recipe_names():
        raise DataError(f"no recipe is called {name!r}: there are {', '.join(recipe_names())}")
    config: TrainConfig = import_module(f"{__name__}.{name}").CONFIG
    return config


def recipe_summary(name: str) -> str:
    """Give the first line of a recipe's docstring."""
    return (import_module(f"{__name__}.{name}").__doc__ or "").strip().partition("\n")[0]
