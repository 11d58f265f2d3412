"""The recipe is one YAML file that says what a launch's result depends on.

``Recipe.read(path, overrides, profile)`` gives a frozen, validated ``Recipe`` or raises ``RecipeError``
with every problem at its line and column. Importing this package costs pydantic and ruamel.yaml, no more.
"""

from lblhep.recipe.axis_values import cells
from lblhep.recipe.component import Component, DatasetComponent, Groups, MetricComponent
from lblhep.recipe.marks import Mark
from lblhep.recipe.schema import Notify, Recipe, Resources, Tracking
from lblhep.recipe.text import parse_value
from lblhep.recipe.trials import Axis, Dimension, Objective, Scan, Search, Single
from lblhep.recipe.valid_subset import lies_in

__all__ = [
    "Axis",
    "Component",
    "DatasetComponent",
    "Dimension",
    "Groups",
    "Mark",
    "MetricComponent",
    "Notify",
    "Objective",
    "Recipe",
    "Resources",
    "Scan",
    "Search",
    "Single",
    "Tracking",
    "cells",
    "lies_in",
    "parse_value",
]
