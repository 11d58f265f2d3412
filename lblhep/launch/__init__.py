"""Launch packs of trials under Ray Tune (or serially), commit them one by one, resume at any moment."""

from lblhep.launch.driver import launch
from lblhep.launch.progress import Launch, Progress
from lblhep.launch.store.view import LaunchView

__all__ = ["Launch", "LaunchView", "Progress", "launch"]
