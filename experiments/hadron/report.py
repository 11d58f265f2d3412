"""The study's page says how well models stand in for the generator at energies that they have not seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from experiments.hadron import figures
from experiments.hadron.results import (
    WHOLE,
    Results,
    again,
    against,
    broken,
    judged,
    knows_cross_sections,
    of_leading_hadrons,
    of_whole_events,
    sizes,
    speed,
    spread,
)
from lblhep.report import Launched, Page

WHAT_IS_MEASURED = (
    "The *replay* is the nearest-event baseline: training events of nearly the same energy, rescaled. The "
    "*floor* is the generator-against-itself baseline. "
    "W1 is the Wasserstein distance of one variable from the generator's, in standard deviations, of events "
    "with three particles or more; *over the floor*, in units of what two samples of the generator differ "
    "by: 1 is perfect. *Worst*: the variable that is furthest, over its own floor (of twelve, a little above "
    "1 is perfect). Multiplicity, leading species and channel: total variation over the floor's, of all "
    "events. Two-body angle: W1 of cos(theta*) of events with two particles, over the floor, where there are "
    "enough. AUC: boosted trees that see events of three particles or more, 0.5 is perfect; trees that learn "
    "from fewer events see less, and of the replay there are fewer. The *replay by process* takes as many "
    "events of each process as its cross-section at these energies says. Numbers of several trainings are "
    "median and range."
)
KNOWN_CROSS_SECTIONS = (
    "The flow of whole events knows each process's cross-section at these energies, which models of the "
    "leading hadrons and the plain replay do not"
)
UNKNOWN_CROSS_SECTIONS = "No model knows cross-sections at these energies, only the replay by process does"
RESONANCES_NOTE = (
    "Of its training events the flow of whole events also knows from which resonances the particles come, "
    "where the generator tells."
)


MIN_JUDGED_EVENTS = 10_000  # events of a model at an energy, that its distances mean something


class HadronReport:
    """The page shows whole events, the leading hadrons, distributions, conservation laws and speed."""

    def render(self, launch: Launched, out: Path) -> Mapping[str, str | float]:
        """Write the page, and the first whole-event flow as a TorchScript file.

        The headline is its W1 over the floor and its AUC at each energy, beside the baseline's.
        """
        results = Results(launch)
        page = Page(launch.recipe.title or "Hadronic interactions", sizes(results))
        known = KNOWN_CROSS_SECTIONS if knows_cross_sections(results) else UNKNOWN_CROSS_SECTIONS
        page.text(f"{WHAT_IS_MEASURED} {known}. {RESONANCES_NOTE}")
        if judged(results) < MIN_JUDGED_EVENTS:
            page.text("Of so few events numbers say that all runs, not how good a model is.")
        headline: dict[str, str | float] = {}
        if WHOLE in results.models:
            headline = self._whole(page, results, out)
        self._reduced(page, results)
        page.heading("Speed")
        page.table(
            speed(results),
            "Events for a CPU second, one process a core, of one energy; whole events also each at its own "
            "energy within 1 % (the first line). Generators as first measured in this workspace: UrQMD where "
            "it is installed and has the energy (from 1.52 GeV); none if too few events were asked for.",
        )
        page.provenance(launch)
        page.write(out)
        return headline

    def _whole(self, page: Page, results: Results, out: Path) -> dict[str, str | float]:
        page.heading("Whole events")
        page.table(of_whole_events(results), again(results))
        page.figure("whole-events", figures.whole_events(results), "The band is the range of trainings.")
        page.table(
            broken(results), "Events that break a law: numbers, and momenta or masses by more than 1e-6 GeV."
        )
        for energy in results.energies:
            page.heading(f"{energy:g} GeV", level=3)
            page.figure(
                f"events-{energy:g}",
                figures.distributions(results, [WHOLE], energy),
                "Events of three particles or more; first training. The band is one standard deviation of "
                "generator and model; the replay has fewer events and scatters more.",
            )
            page.figure(
                f"plane-{energy:g}",
                figures.planes(results, energy),
                "The leading hadron's share of the pion's momentum and its transverse momentum; ratios where "
                "the generator has more than a hundredth of its largest share.",
            )
        file = out / "pion-proton.pt"
        out.mkdir(parents=True, exist_ok=True)
        file.write_bytes(results.launch.arrays(results.trial(WHOLE), "exported")["torchscript"].tobytes())
        page.text(
            f"The first training lies beside this page as `{file.name}`, TorchScript that needs neither "
            "lblhep nor its preprocessing (`experiments/hadron/flow/export.py`): "
            '`pdg, momenta = torch.jit.load("pion-proton.pt").sample(0.7, 1000)`, in GeV and the laboratory.'
        )
        return {
            f"{e:g} GeV, flow (replay)": f"W1/floor {spread(results.values(WHOLE, f'w1_{e:g}'))} "
            f"({results.values(WHOLE, f'replay_w1_{e:g}')[0]:.2f}), "
            f"AUC {spread(results.values(WHOLE, f'auc_{e:g}'), 3)} "
            f"({results.values(WHOLE, f'replay_auc_{e:g}')[0]:.3f})"
            for e in results.energies
        }

    def _reduced(self, page: Page, results: Results) -> None:
        page.heading("The leading two hadrons")
        page.text(
            "Five variables: longitudinal share and transverse momentum of the two hadrons with the largest "
            "momenta, and the azimuth between them, of events of three particles or more."
        )
        page.figure(
            "distances",
            figures.distances(results),
            "Mean over the five variables, of samples of the same size. The band is the range of trainings.",
        )
        page.table(of_leading_hadrons(results), "Parameters of the GANs are those of both networks.")
        others = [model for model in results.models if model not in (WHOLE, "flow")]
        for other in others if "flow" in results.models else ():
            page.table(against(results, "flow", other), "All pairs of trainings.")
        own = [model for model in results.models if model != WHOLE]
        for energy in results.energies if own else ():
            page.figure(
                f"leading-{energy:g}",
                figures.distributions(results, own, energy),
                f"The five variables at {energy:g} GeV; first training of each. The band is one standard "
                "deviation of generator and model.",
            )
