"""Write launches to MLflow: no other package imports it, and only the driver writes.

Importing this package loads no mlflow; the functions do.
"""

from lblhep.tracking.reading import find_run, forget_launch, pages
from lblhep.tracking.records import About, CurvePoint, DataInput, TrialRecord
from lblhep.tracking.store import analyze, connect, explained, own_uri, shown_uri, tracking_uri, was_locked
from lblhep.tracking.tracker import Tracker

__all__ = [
    "About",
    "CurvePoint",
    "DataInput",
    "Tracker",
    "TrialRecord",
    "analyze",
    "connect",
    "explained",
    "find_run",
    "forget_launch",
    "own_uri",
    "pages",
    "shown_uri",
    "tracking_uri",
    "was_locked",
]
