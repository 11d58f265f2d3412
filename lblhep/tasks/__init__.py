"""Here are the contract that every task keeps, and the tasks that serve more than one study."""

from lblhep.tasks.mean import MeanOf
from lblhep.tasks.protocols import Bench, Failure, Row, Task

__all__ = ["Bench", "Failure", "FitLightning", "MeanOf", "Pipeline", "Row", "Task"]


def __getattr__(name: str) -> object:
    """Load the tasks themselves on first use: ``lightning`` alone takes seconds to import."""
    if name == "FitLightning":
        from lblhep.tasks.lightning import FitLightning

        return FitLightning
    if name == "Pipeline":
        from lblhep.tasks.pipeline import Pipeline

        return Pipeline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
