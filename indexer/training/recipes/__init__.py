"""Training recipes: one file each, with a `CONFIG` and a docstring that states its command, time and result."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from indexer.training.config import TrainConfig
from search.errors import DataError

OLD_NAMES = {"builtin": "small"}
"""Earlier names of recipes, which are still accepted."""


def recipe_names() -> list[str]:
    """Names of all recipes."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


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


def recipe_summary(name: str) -> str:
    """The first line of a recipe's docstring."""
    return (import_module(f"{__name__}.{name}").__doc__ or "").strip().partition("\n")[0]
