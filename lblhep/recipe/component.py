"""A recipe writes a component as ``use: module:Attribute`` with its keyword arguments beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag
from typing_extensions import TypeAliasType

from lblhep.names import DiskName

IMPORT_PATH = r"^[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*$"
"""``package.module:Attribute``; kept loose enough for nested attributes (``module:Class.method``)."""

ImportPath = Annotated[str, Field(pattern=IMPORT_PATH)]


def _form(value: Any) -> str:
    """Return which alternative of ``Argument`` a value is; a mapping that holds ``use`` is a component.

    The names stand in angle brackets because pydantic puts them into error locations, from which
    ``lblhep.recipe.problems`` removes them again.
    """
    if isinstance(value, Component):
        return "<component>"
    if isinstance(value, Mapping):
        return "<component>" if "use" in value else "<map>"
    return "<list>" if isinstance(value, list | tuple) else "<value>"


Argument = TypeAliasType(  # type: ignore[misc]  # mypy cannot follow an alias into itself
    "Argument",
    Annotated[
        Annotated["Component", Tag("<component>")]
        | Annotated[dict[str, "Argument"], Tag("<map>")]  # type: ignore[misc]
        | Annotated[list["Argument"], Field(strict=False), Tag("<list>")]  # type: ignore[misc]
        | Annotated[Any, Tag("<value>")],
        Discriminator(_form),
    ],
)
"""What an argument may be: a scalar, a list, a mapping, or another component."""


class Component(BaseModel):
    """Names an importable callable and the keyword arguments that the recipe gives it.

    A mapping with a ``use`` key anywhere inside the arguments is a ``Component`` too; whoever receives it
    builds it (an optimizer, say, needs the parameters first).

    >>> Component.model_validate({"use": "torch.optim:Adam", "lr": 0.1}).arguments
    {'lr': 0.1}
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")
    __pydantic_extra__: dict[str, Argument] = Field(init=False)

    use: ImportPath

    @property
    def arguments(self) -> dict[str, Argument]:
        """Return the keys beside ``use`` and the reserved ones, in the recipe's order; containers are
        copies."""
        return {name: _copy(value) for name, value in (self.model_extra or {}).items()}


def _copy(value: Argument) -> Argument:
    """Copy lists and mappings, so that a component that alters its arguments does not alter the recipe."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


class DatasetComponent(Component):
    """Makes a data set of the study; ``card`` names the data card that the events come from."""

    card: DiskName | None = None


class MetricComponent(Component):
    """Makes a metric; ``goal`` says which direction is better, where one is."""

    goal: Literal["maximize", "minimize"] | None = None


class Groups(Component):
    """Names the component that combines the rows of trials which mean something only together.

    ``by`` names the axes whose values tell one group from another; without it all trials are one group.
    """

    by: tuple[str, ...] = Field(default=(), strict=False)


Component.model_rebuild()
