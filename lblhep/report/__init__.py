"""Turn a launch into what a person reads: pages, figures in the house style, comparison tables."""

from lblhep.report.comparison import comparison
from lblhep.report.default import DefaultReport
from lblhep.report.page import Page
from lblhep.report.protocols import Launched, Report
from lblhep.report.style import COLOURS, house_style, new_figure

__all__ = [
    "COLOURS",
    "DefaultReport",
    "Launched",
    "Page",
    "Report",
    "comparison",
    "house_style",
    "new_figure",
]
