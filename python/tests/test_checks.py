"""Run the checks of imbalanced-learn and scikit-learn on every estimator. Each check that does not apply is listed with its reason."""

from __future__ import annotations

import pytest
from conftest import every
from imblearn.utils.estimator_checks import parametrize_with_checks as sampler_checks
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks as estimator_checks

import leanset

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


def reduced():
    """Classifiers on kept rows: with and without weights, and with coordinates of their own."""
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    return [
        leanset.ReducedClassifier(LogisticRegression(), leanset.Energy(sampling_strategy=0.5)),
        leanset.ReducedClassifier(KNeighborsClassifier(1), leanset.SRS(sampling_strategy=0.6)),
        leanset.ReducedClassifier(LogisticRegression(), leanset.PRD(sampling_strategy=0.5), transformer="minmax"),
        leanset.ReducedClassifier(scaled, leanset.MMS(sampling_strategy=0.5), transformer="standardscaler"),
        leanset.ReducedClassifier(LogisticRegression(), leanset.CLC(sampling_strategy=0.5)),
    ]


@pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")
@estimator_checks(reduced(), expected_failed_checks=failing)
def test_reduced_classifiers(estimator, check):
    check(estimator)
