"""The things of the collection, modelled in whatever unit is handy, standing on their lowest point, y up."""

from . import figures, food, furniture, games, nature, pottery, tools, vehicles
from .table import THINGS, thing

__all__ = ["THINGS", "figures", "food", "furniture", "games", "nature", "pottery", "thing", "tools", "vehicles"]
