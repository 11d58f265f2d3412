"""This study compares forms of chi2, which differ in the error of data less surrogates.

``plain``       the data's errors alone: the surrogates are taken for exact
``log_det``     the covariance of the surrogates' fit as well, and ln det Sigma
``covariance``  the same without ln det Sigma: the one that stays unbiased (``lblhep.surrogates.score``)

A closure has one more, ``misfit``: ``covariance``, with the variance that surrogates show beyond noise when
they predict grid points left out (``HoldOut.misfit``) added to the data's.
"""

from __future__ import annotations

from typing import Any

FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "log_det": {"fit_covariance": True, "log_det": True},
    "covariance": {"fit_covariance": True},
}
CLOSURE_FORMS = (*FORMS, "misfit")


def chi2_of(form: str) -> dict[str, Any]:
    """Return the arguments of ``lblhep.surrogates.Chi2`` for a form; raise ValueError for an unknown one."""
    if form not in FORMS:
        raise ValueError(f"{form!r} is no form of chi2; there are {', '.join(FORMS)}")
    return FORMS[form]
