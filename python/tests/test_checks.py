"""Run the checks of imbalanced-learn and scikit-learn on every estimator. Each check that does not apply is listed with its reason."""

from __future__ import annotations

import pytest
from conftest import every
from imblearn.utils.estimator_checks import parametrize_with_checks as sampler_checks
from sklearn.utils.estimator_checks import parametrize_with_checks as estimator_checks

NOT_OURS: dict[str, str] = {}


@sampler_checks(every())
def test_imbalanced_learn(estimator, check):
    check(estimator)


def failing(estimator):
    return dict(NOT_OURS)


@pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")
@estimator_checks(every(), expected_failed_checks=failing)
def test_scikit_learn(estimator, check):
    check(estimator)
