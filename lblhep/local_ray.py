"""Starting Ray, for launches and for the production of data alike."""

from __future__ import annotations

import logging
from typing import Any

from lblhep.errors import LaunchError


def start_ray(**options: Any) -> None:
    """Start Ray, or join the cluster at ``RAY_ADDRESS``.

    A machine under heavy load may need more than the 30 s that Ray gives itself, so it may try again.

    Raises:
        LaunchError: Ray did not start in three attempts.
    """
    import ray

    for _ in range(3):
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        except Exception as error:  # Ray raises nothing more precise
            if "timed out during startup" not in str(error):
                raise
            ray.shutdown()
        else:
            return
    raise LaunchError("Ray did not start: this machine is too busy; try again later, or run with --serial")
