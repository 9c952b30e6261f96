import numpy as np, leanset
def test_x():
    X = np.random.default_rng(0).normal(size=(200, 3))
    y = np.repeat(["cat", "dog"], 100)
    m = leanset.MMS(sampling_strategy=0.1, epsilon="chebyshev")
    a, b = m.fit_resample(X, y)
    print(m, m.sample_indices_, m.ranking_, m.scores_[:5], m.epsilon_, m.epsilon_curve_)
