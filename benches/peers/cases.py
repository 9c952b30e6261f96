"""The cases: a work, the data, and the peer that does the same work on the same arrays.

A case makes a `Pair` of functions without arguments, which are then timed in turns. What a user would have to do once before (to split the
rows by class, to convert the type) is outside the function for the peers, and inside the call for leanset.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import data
import numpy as np
import reference

QUICK, FULL, ASKED = "quick", "full", "asked"
ONE, ALL = "one", "all"


@dataclass(frozen=True)
class Pair:
    ours: Callable[[], Any]
    theirs: Callable[[], Any] | None = None
    # How far the two results are the same, in words.
    agree: Callable[[Any, Any], str] | None = None
    # What else a reader has to know, such as the number of iterations.
    note: str = ""


@dataclass(frozen=True)
class Case:
    work: str
    data: str
    n: int
    d: int
    dtype: str
    kept: str
    peer: str
    make: Callable[[int], Pair]
    # "3 x": at least three times as fast as the peer; "10 s": at most ten seconds.
    target: str = ""
    when: str = FULL
    threads: tuple[str, ...] = (ONE, ALL)
    # An environment variable that must name a file.
    needs: str = ""

    @property
    def name(self) -> str:
        return f"{self.work}: {self.data} {self.n} x {self.d} {self.dtype} {self.kept} / {self.peer}".replace("  ", " ")


def points(kind: str, n: int, d: int, dtype: str) -> np.ndarray:
    return data.MADE[kind](n, d, dtype)


def count(n: int, kept: float) -> int:
    return max(1, round(n * kept))


def percent(kept: float) -> str:
    return f"{100 * kept:g} %"


def ours(x: np.ndarray, y: np.ndarray | None, kept: Any, threads: int, method: str, **params: Any) -> Callable[[], Any]:
    import leanset

    warnings.simplefilter("ignore")
    params.setdefault("guard", "off")
    return lambda: leanset.reduce(x, y, kept, method=method, n_jobs=threads, **params)


def same_rows(found: Any, other: Any) -> str:
    shared = np.intersect1d(found.indices, np.asarray(other, dtype=np.int64))
    return f"{shared.size / len(found.indices):.0%} of the rows are the same"


def same_radius(x: np.ndarray) -> Callable[[Any, Any], str]:
    """Whether both cover the rows alike; the rows differ from the first tie or rounding on."""

    def compare(found: Any, other: Any) -> str:
        import leanset

        rows = np.unique(np.asarray(other, dtype=np.int64))
        a, b = (float(leanset.epsilon(x, None, kept, metric="euclidean", n_jobs=1)) for kept in (found.indices, rows))
        return f"ours has {a / b:.4f} of their radius" if b else f"their radius is 0 and ours {a:g}"

    return compare


def same_value(found: Any, other: float) -> str:
    return f"values differ by {abs(float(found) - other) / max(abs(other), 1e-300):.0e}"


# ---- maxmin ----


def maxmin(kind: str, n: int, d: int, kept: float, peer: str, target: str, when: str = FULL, dtype: str = "float32") -> Case:
    m = count(n, kept)

    def make(threads: int) -> Pair:
        x = points(kind, n, d, dtype)
        work = ours(x, None, m, threads, "mms", start="first")
        match peer:
            case "fpsample":
                name, call = reference.fpsample_best(x, m)
                return Pair(work, call, same_radius(x), name)
            case "gudhi":
                from gudhi.subsampling import choose_n_farthest_points

                def same_points(found: Any, chosen: Any) -> str:
                    rows = {row.tobytes() for row in np.asarray(chosen, dtype=np.float64)}
                    own = [row.tobytes() in rows for row in x[found.indices].astype(np.float64)]
                    return f"{np.mean(own):.0%} of the rows are the same"

                return Pair(work, lambda: choose_n_farthest_points(points=x, nb_points=m, starting_point=0, fast=True), same_points)
            case _:
                import lightly_mundig

                def call() -> Any:
                    selection = lightly_mundig.Selection()
                    selection.add_diversifying_strategy(x, 1.0)
                    return selection.run_selection([0], n, m)

                return Pair(work, call, same_radius(x))

    return Case("maxmin", kind, n, d, dtype, percent(kept), peer, make, target, when)


def maxmin_cases() -> Iterable[Case]:
    for n, d in ((20_000, 2), (20_000, 3), (100_000, 2), (100_000, 3)):
        for kept in (0.01, 0.1):
            quick = QUICK if (n, d) in ((20_000, 3), (100_000, 3)) else FULL
            yield maxmin("blobs", n, d, kept, "fpsample", "2 x", quick)
            yield maxmin("blobs", n, d, kept, "gudhi", "8 x", QUICK if (n, d) == (20_000, 3) else FULL, "float64")
    for d in (16, 64):
        for kept in (0.01, 0.1):
            quick = QUICK if kept == 0.01 else FULL
            yield maxmin("blobs", 50_000, d, kept, "gudhi", "12 x", quick, "float64")
            yield maxmin("blobs", 50_000, d, kept, "fpsample", "12 x", quick)
    for d in (256, 768):
        for kept in (0.01, 0.1):
            quick = QUICK if kept == 0.01 else FULL
            yield maxmin("decaying", 10_000, d, kept, "gudhi", "8 x", quick, "float64")
            yield maxmin("decaying", 10_000, d, kept, "fpsample", "8 x", quick)
    for kept in (0.01, 0.1):
        yield maxmin("unit", 20_000, 384, kept, "lightly-mundig", "3 x", QUICK if kept == 0.01 else FULL)
    for kind, d, dtype in (("uniform", 3, "float32"), ("grid", 3, "float32"), ("far", 3, "float64"), ("line", 3, "float32"), ("repeated", 3, "float32"),
                           ("grid", 16, "float32"), ("far", 16, "float64"), ("line", 64, "float32"), ("repeated", 64, "float32")):
        yield maxmin(kind, 50_000, d, 0.01, "gudhi" if dtype == "float64" or d > 8 else "fpsample", "", FULL, dtype)
    yield maxmin("blobs", 1_000_000, 3, 0.01, "fpsample", "2 x")
    yield maxmin("blobs", 1_000_000, 16, 0.001, "gudhi", "12 x", FULL, "float64")


# ---- ε ----


def epsilon(kind: str, n: int, d: int, kept: float, metric: str, peer: str, target: str, when: str = FULL, dtype: str = "float32") -> Case:
    def make(threads: int) -> Pair:
        import leanset

        x = points(kind, n, d, dtype)
        rows = np.sort(data.generator(20, n, d).choice(n, count(n, kept), replace=False))
        work = lambda: leanset.epsilon(x, None, rows, metric=metric, n_jobs=threads)  # noqa: E731
        own = np.ascontiguousarray(x[rows])
        theirs = reference.faiss_epsilon(x, own) if peer == "faiss flat" else reference.tree_epsilon(x, own, metric, threads)
        return Pair(work, theirs, same_value)

    return Case(f"ε ({metric})", kind, n, d, dtype, percent(kept), peer, make, target, when)


def epsilon_cases() -> Iterable[Case]:
    for n, d in ((50_000, 16), (50_000, 64), (10_000, 256), (10_000, 768)):
        for kept in (0.01, 0.1):
            yield epsilon("blobs", n, d, kept, "euclidean", "faiss flat", "3 x", QUICK)
    for n, d, dtype in ((50_000, 2, "float64"), (50_000, 3, "float64"), (50_000, 16, "float64")):
        for kept in (0.01, 0.1):
            yield epsilon("blobs", n, d, kept, "chebyshev", "scipy cKDTree", "6 x", QUICK if kept == 0.01 else FULL, dtype)
    for kind, d in (("grid", 16), ("far", 16), ("line", 64), ("repeated", 64), ("decaying", 256)):
        yield epsilon(kind, 20_000, d, 0.05, "euclidean", "faiss flat", "")
    yield epsilon("unit", 100_000, 384, 0.01, "euclidean", "faiss flat", "3 x")

    def bean(kept: float, metric: str) -> Callable[[int], Pair]:
        def make(threads: int) -> Pair:
            import leanset

            x, y = data.dry_bean()
            kept_rows = np.sort(leanset.reduce(x, y, kept, method="srs").indices)
            own = [(x[rows], np.ascontiguousarray(x[np.intersect1d(rows, kept_rows)])) for rows in data.groups(y)]
            calls = [reference.tree_epsilon(a, b, metric, threads) for a, b in own]
            return Pair(lambda: leanset.epsilon(x, y, kept_rows, metric=metric, n_jobs=threads), lambda: max(call() for call in calls), same_value)

        return make

    def curve(threads: int) -> Pair:
        import leanset

        x, y = data.dry_bean()
        ratios = [r / 100 for r in range(5, 95)]
        ranking = leanset.rank(x, y, method="srs")
        cuts = [ranking.reduce(r).indices for r in ratios]
        calls = []
        for kept_rows in cuts:
            for rows in data.groups(y):
                calls.append(reference.tree_epsilon(x[rows], np.ascontiguousarray(x[np.intersect1d(rows, kept_rows)]), "chebyshev", threads))
        share = len(calls) // len(ratios)

        def theirs() -> float:
            found = [call() for call in calls]
            return max(found[:share])

        return Pair(lambda: leanset.epsilon_curve(x, y, ranking, ratios=ratios, n_jobs=threads), theirs,
                    lambda found, other: same_value(found.epsilon[0], other))

    for kept in (0.1, 0.5):
        yield Case("ε (chebyshev)", "Dry Bean", 13_611, 16, "float64", percent(kept), "scipy cKDTree", bean(kept, "chebyshev"), "6 x", QUICK, needs="BENCH_DRYBEAN")
    yield Case("curve of ε (chebyshev)", "Dry Bean", 13_611, 16, "float64", "90 ratios", "scipy cKDTree", curve, "40 x", QUICK, needs="BENCH_DRYBEAN")


# ---- k-means ----

CLC_PEERS = {"scipy kmeans2": ("30 x", "10 x"), "scikit-learn": ("20 x", "4 x"), "faiss": ("50 x", "1.5 x")}


def clustering(kind: str, n: int, d: int, kept: float, peer: str, target: str, when: str = FULL, dtype: str = "float32", iterations: int = 20) -> Case:
    k = count(n, kept)

    def make(threads: int) -> Pair:
        import leanset

        x = points(kind, n, d, dtype)
        start = np.sort(data.generator(30, n, d).choice(n, k, replace=False))
        work = ours(x, None, k, threads, "clc", start_rows=start, max_iter=iterations)
        steps = int(leanset.reduce(x, None, k, method="clc", start_rows=start, max_iter=iterations, guard="off").facts["iterations"])

        def same_cost(found: Any, centres: np.ndarray) -> str:
            a, b = (reference.inertia(x, c) for c in (np.asarray(found.points), centres))
            return f"ours has {a / b:.4f} of their mean squared distance"

        return Pair(work, reference.kmeans(peer, x, x[start].copy(), steps, threads), same_cost, f"{steps} iterations")

    return Case("clustering centroids", kind, n, d, dtype, percent(kept), peer, make, target, when)


def clustering_cases() -> Iterable[Case]:
    for peer, (high, low) in CLC_PEERS.items():
        yield clustering("blobs", 20_000, 2, 0.1, peer, high, QUICK)
        yield clustering("blobs", 20_000, 2, 0.01, peer, low, QUICK)
        for n, d in ((20_000, 16), (20_000, 64), (10_000, 256), (10_000, 768)):
            yield clustering("blobs" if d < 100 else "decaying", n, d, 0.01, peer, low, QUICK if d in (16, 768) else FULL)
        yield clustering("repeated", 20_000, 16, 0.01, peer, "")
        yield clustering("far", 20_000, 16, 0.01, peer, "", dtype="float64")


def rkm_cases() -> Iterable[Case]:
    def make(threads: int) -> Pair:
        import leanset
        from sklearn.cluster import KMeans

        x, y = data.mnist()
        steps = int(leanset.reduce(x, y, 0.1, method="rkm", guard="off").facts["iterations"])

        def theirs() -> Any:
            model = KMeans(10, init="random", n_init=1, algorithm="lloyd", max_iter=steps, tol=0, random_state=0).fit(x)
            distances = np.linalg.norm(x - model.cluster_centers_[model.labels_], axis=1)
            order = np.lexsort((distances, model.labels_))
            return order[:500]

        return Pair(ours(x, y, 0.1, threads, "rkm"), theirs, None, f"{steps} iterations at most; other start rows")

    yield Case("representative k-means", "MNIST", 5_000, 784, "float32", "10 %", "scikit-learn", make, "4 x", QUICK)


# ---- matrix decomposition ----


def decomposition(n: int, d: int, target: str, when: str = FULL, dtype: str = "float64", peer: str = "numpy SVD of d x n") -> Case:
    def make(threads: int) -> Pair:
        import leanset

        x = points("decaying", n, d, dtype)
        work = lambda: leanset.rank(x, None, method="nrmd", guard="off", n_jobs=threads)  # noqa: E731
        if peer != "numpy SVD and scores":
            # LAPACK needs longer for the matrix of the definition, one column per row, than for its transpose.
            matrix = x.T if peer == "numpy SVD of d x n" else x
            return Pair(work, lambda: np.linalg.svd(matrix, full_matrices=False), note="the decomposition alone, without scores")
        return Pair(work, lambda: reference.svd_scores(x))

    return Case("matrix decomposition", "decaying", n, d, dtype, "all scores", peer, make, target, when)


def decomposition_cases() -> Iterable[Case]:
    for n, d in ((20_000, 2), (100_000, 3), (50_000, 16), (50_000, 64), (10_000, 256), (10_000, 768)):
        yield decomposition(n, d, "1 x" if d <= 3 else "3 x", QUICK)
        for peer in ("numpy SVD of n x d", "numpy SVD and scores"):
            yield decomposition(n, d, "", FULL, peer=peer)
    yield decomposition(1_000_000, 16, "3 x")

    def bean(threads: int) -> Pair:
        import leanset

        x, y = data.dry_bean()
        onehot = (y[:, None] == np.unique(y)[None, :]).astype(float)
        sets = [*(np.ascontiguousarray(x[rows]) for rows in data.groups(y)), np.hstack([x, onehot])]
        return Pair(lambda: leanset.rank(x, y, method="nrmd", n_jobs=threads), lambda: [reference.svd_scores(s) for s in sets])

    yield Case("matrix decomposition", "Dry Bean", 13_611, 16, "float64", "all scores", "numpy SVD and scores", bean, "3 x", QUICK, needs="BENCH_DRYBEAN")


# ---- ProtoDash, persistent homology ----


def alone_cases() -> Iterable[Case]:
    def bean(threads: int) -> Pair:
        x, y = data.dry_bean()
        return Pair(ours(x, y, 0.9, threads, "prd"))

    yield Case("ProtoDash", "Dry Bean", 13_611, 16, "float64", "90 %", "", bean, "1 s", QUICK, needs="BENCH_DRYBEAN")

    def landmarks(n: int) -> Callable[[int], Pair]:
        def make(threads: int) -> Pair:
            return Pair(ours(points("blobs", n, 2, "float32"), None, 0.1, threads, "phl"))

        return make

    yield Case("PH landmarks", "blobs", 50_000, 2, "float32", "10 %", "", landmarks(50_000), "", QUICK)
    yield Case("PH landmarks", "blobs", 1_000_000, 2, "float32", "10 %", "", landmarks(1_000_000), "10 s")


# ---- nearest neighbours ----


def neighbours(kind: str, n: int, d: int, peer: str, target: str, when: str = FULL, threads: tuple[str, ...] = (ONE, ALL)) -> Case:
    def make(threads: int) -> Pair:
        import leanset

        x, y = points(kind, n, d, "float32"), data.classes(n, 2)
        work = lambda: leanset.rank(x, y, method="contradiction", n_jobs=threads)  # noqa: E731
        note = "approximate" if peer == "pynndescent" else ""
        return Pair(work, reference.neighbours(peer, x, 10, threads), None, note)

    return Case("10 nearest neighbours", kind, n, d, "float32", "all rows", peer, make, target, when, threads)


def neighbour_cases() -> Iterable[Case]:
    for peer, target in (("faiss flat", "3 x"), ("scikit-learn", "3 x"), ("pynndescent", "")):
        yield neighbours("blobs", 20_000, 16, peer, target, QUICK)
        yield neighbours("unit", 10_000, 384, peer, target, QUICK)
        yield neighbours("blobs", 100_000, 16, peer, target)
        yield neighbours("unit", 100_000, 384, peer, target, FULL)
        yield neighbours("blobs", 100_000, 3, peer, "")


# ---- statistics: energy, herding, facility location ----


def energy(n: int, d: int, kept: float, peer: str, target: str, when: str = FULL) -> Case:
    def make(threads: int) -> Pair:
        x = points("blobs", n, d, "float32")
        work = ours(x, None, count(n, kept), threads, "energy")
        if peer == "twinning":
            import twinning

            table = x.astype(np.float64)
            return Pair(work, lambda: twinning.twin(table, round(1 / kept), u1=0), None, "twinning is another algorithm for the same purpose")
        return Pair(work, lambda: reference.energy(x, count(n, kept), peer == "NumPy with BLAS"), None)

    return Case("energy", "blobs", n, d, "float32", percent(kept), peer, make, target, when)


def statistic_cases() -> Iterable[Case]:
    for peer, target in (("NumPy reference", "20 x"), ("NumPy with BLAS", ""), ("twinning", "2 x")):
        yield energy(20_000, 32, 0.05, peer, target, QUICK)
        yield energy(100_000, 32, 0.1, peer, target)

    def herding(threads: int) -> Pair:
        x = points("blobs", 20_000, 32, "float32")
        return Pair(ours(x, None, 1_000, threads, "herding", sigma=0.9), lambda: reference.herding(x, 1_000, 0.9))

    yield Case("herding", "blobs", 20_000, 32, "float32", "5 %", "NumPy reference", herding, "", QUICK)

    def location(threads: int) -> Pair:
        from apricot import FacilityLocationSelection

        x = points("blobs", 4_000, 16, "float64")

        def theirs() -> Any:
            return FacilityLocationSelection(400, metric="euclidean", optimizer="lazy", n_jobs=threads).fit(x).ranking

        return Pair(ours(x, None, 400, threads, "facility-location", reference="all"), theirs, same_rows)

    yield Case("facility location", "blobs", 4_000, 16, "float64", "10 %", "apricot-select", location, "", QUICK)


# ---- one pass ----


def pass_cases() -> Iterable[Case]:
    def random(n: int, peer: str) -> Callable[[int], Pair]:
        def make(threads: int) -> Pair:
            x, y = points("blobs", n, 32, "float32"), data.classes(n, 7)
            work = ours(x, y, 0.1, threads, "srs")
            if peer == "a copy of X":
                return Pair(work, x.copy)
            sizes = {c: max(1, round(0.1 * rows.size)) for c, rows in zip(np.unique(y), data.groups(y), strict=True)}
            if peer == "numpy":
                return Pair(work, lambda: reference.stratified(y, sizes))
            from imblearn.under_sampling import RandomUnderSampler

            return Pair(work, lambda: RandomUnderSampler(sampling_strategy=sizes, random_state=0).fit_resample(x, y))

        return make

    def entropy(n: int, peer: str) -> Callable[[int], Pair]:
        def make(threads: int) -> Pair:
            x, y = points("blobs", n, 32, "float32"), data.classes(n, 7)
            work = ours(x, y, 0.1, threads, "des")
            return Pair(work, x.copy if peer == "a copy of X" else lambda: reference.distance_entropy(x, y, 0.1))

        return make

    def moderate(n: int) -> Callable[[int], Pair]:
        def make(threads: int) -> Pair:
            x, y = points("blobs", n, 32, "float32"), data.classes(n, 7)
            return Pair(ours(x, y, 0.1, threads, "mcs"), lambda: reference.moderate(x, y, 0.1))

        return make

    for n, when in ((100_000, QUICK), (1_000_000, FULL)):
        for peer, target in (("numpy", ""), ("imbalanced-learn", ""), ("a copy of X", "0.5 x")):
            yield Case("stratified random", "blobs", n, 32, "float32", "10 %", peer, random(n, peer), target, when)
        for peer, target in (("NumPy reference", ""), ("a copy of X", "0.5 x")):
            yield Case("distance entropy", "blobs", n, 32, "float32", "10 %", peer, entropy(n, peer), target, when)
        yield Case("moderate coreset", "blobs", n, 32, "float32", "10 %", "NumPy reference", moderate(n), "", when)


# ---- Dry Bean and real images, as the user has them: all classes in one call ----


def real_cases() -> Iterable[Case]:
    def maxmin_of(load: Callable[[], tuple[np.ndarray, np.ndarray]], kept: float) -> Callable[[int], Pair]:
        def make(threads: int) -> Pair:
            from gudhi.subsampling import choose_n_farthest_points

            x, y = load()
            work = ours(x, y, kept, threads, "mms", start="first")
            sizes = work().counts
            sets = [(np.ascontiguousarray(x[y == label]), size) for label, size in sizes.items()]
            return Pair(work, lambda: [choose_n_farthest_points(points=p, nb_points=k, starting_point=0, fast=True) for p, k in sets])

        return make

    def centroids_of(load: Callable[[], tuple[np.ndarray, np.ndarray]], kept: float) -> Callable[[int], Pair]:
        def make(threads: int) -> Pair:
            from scipy.cluster.vq import kmeans

            x, y = load()
            sizes = ours(x, y, kept, threads, "srs")().counts
            g = data.generator(31)
            starts = {label: np.sort(g.choice(np.flatnonzero(y == label), size, replace=False)) for label, size in sizes.items()}
            sets = [(np.ascontiguousarray(x[y == label]), x[rows]) for label, rows in starts.items()]
            work = ours(x, y, kept, threads, "clc", start_rows=np.concatenate(list(starts.values())))
            return Pair(work, lambda: [kmeans(p, c, thresh=1e-5) for p, c in sets])

        return make

    real = (("Dry Bean", 13_611, 16, "float64", data.dry_bean, "BENCH_DRYBEAN"), ("MNIST", 5_000, 784, "float32", data.mnist, ""),
            ("embeddings", 0, 0, "float32", data.embeddings, "BENCH_EMBEDDINGS"))
    for name, n, d, dtype, load, needs in real:
        for kept in (0.1, 0.5):
            yield Case("maxmin", name, n, d, dtype, percent(kept), "gudhi", maxmin_of(load, kept), "8 x" if n else "", QUICK if n and kept == 0.1 else FULL, needs=needs)
        yield Case("clustering centroids", name, n, d, dtype, "10 %", "scipy kmeans", centroids_of(load, 0.1), "10 x" if n else "", QUICK if n else FULL, needs=needs)


# ---- all threads ----


def thread_cases() -> Iterable[Case]:
    """Each method on all threads beside itself on one."""
    import leanset

    slow = {"phl": (50_000, 2), "prd": (4_000, 8), "fl": (20_000, 16), "boundary": (50_000, 16), "energy": (50_000, 16), "herding": (50_000, 16)}
    for method in leanset.methods():
        if method["capabilities"]["dynamics"] != "no":
            continue
        name = method["id"]
        n, d = next((size for short, size in slow.items() if name == short or short in method["aliases"]), (200_000, 16))

        def make(threads: int, name: str = name, n: int = n, d: int = d) -> Pair:
            x, y = points("blobs", n, d, "float32"), data.classes(n, 4)
            on = lambda k: ours(x, y, 0.02, k, name, guard=None)  # noqa: E731
            return Pair(on(threads), on(1), lambda found, other: "equal" if same(found, other) else "DIFFERENT")

        yield Case("all threads", "blobs", n, d, "float32", "2 %", f"{name} on one thread", make, "1.7 x", QUICK, (ALL,))


def same(found: Any, other: Any) -> bool:
    a, b = ((f.indices if f.indices is not None else f.points) for f in (found, other))
    return bool(np.array_equal(a, b))


# ---- the program, from a file to a file ----


def program(method: str, kind: str, n: int, d: int, target: str) -> Case:
    def make(threads: int) -> Pair:
        table = reference.parquet(kind, n, d)
        return Pair(lambda: reference.program(table, method, threads), note=f"Parquet of {os.path.getsize(table) / 1e6:.0f} MB; peak of the whole process")

    return Case("the program", f"{method}: {kind}", n, d, "float32", "1 %", "", make, target, ASKED, (ALL,), "BENCH_PROGRAM")


def reading(kind: str, n: int, d: int, peer: str, target: str) -> Case:
    """The whole program, which reads, draws a sample and writes it, beside a library that only reads."""

    def make(threads: int) -> Pair:
        table = reference.csv(kind, n, d) if peer == "polars.read_csv" else reference.parquet(kind, n, d)
        return Pair(lambda: reference.program(table, "srs", threads), reference.reader(peer, table), None,
                    f"{os.path.getsize(table) / 1e6:.0f} MB; memory of leanset is that of the whole process")

    return Case("reading", kind, n, d, "float32", "1 % at random", peer, make, target, ASKED, (ONE, ALL), "BENCH_PROGRAM")


def program_cases() -> Iterable[Case]:
    yield reading("blobs", 200_000, 32, "polars.read_csv", "1 x")
    yield reading("blobs", 1_000_000, 32, "pyarrow.parquet", "")
    for method in ("srs", "des", "nrmd", "rkm", "mms", "clc", "prd", "energy", "herding", "fl"):
        yield program(method, "blobs", 1_000_000, 32, "2 s" if method in ("srs", "des") else "20 s")
    for method in ("mms", "energy", "srs", "clc"):
        yield program(method, "unit", 1_000_000, 384, "")


# ---- growth ----


@dataclass(frozen=True)
class Growth:
    """One work at several sizes: the exponent of its seconds is fitted."""

    work: str
    data: str
    variable: str
    values: tuple[float, ...]
    cases: tuple[Case, ...]

    @property
    def peer(self) -> str:
        return self.cases[0].peer

    @property
    def name(self) -> str:
        return f"{self.work}, {self.data}, with {self.variable}" + (f" / {self.peer}" if self.peer else "")


def growth() -> list[Growth]:
    rows, columns, kept = (12_500, 25_000, 50_000, 100_000), (16, 64, 256), (0.01, 0.03, 0.1)
    found = []

    def add(data: str, variable: str, values: tuple[float, ...], make: Callable[[Any], Case]) -> None:
        cases = tuple(make(v) for v in values)
        found.append(Growth(cases[0].work, data, variable, values, cases))

    add("blobs, d = 3, 2 %", "n", rows, lambda n: maxmin("blobs", n, 3, 0.02, "fpsample", ""))
    add("blobs, d = 64, 2 %", "n", rows, lambda n: maxmin("blobs", n, 64, 0.02, "gudhi", "", dtype="float64"))
    add("blobs, n = 20000, 2 %", "d", columns, lambda d: maxmin("blobs", 20_000, d, 0.02, "gudhi", "", dtype="float64"))
    add("blobs, n = 50000, d = 16", "ratio", kept, lambda r: maxmin("blobs", 50_000, 16, r, "gudhi", "", dtype="float64"))
    add("blobs, d = 16, 2 %", "n", rows, lambda n: epsilon("blobs", n, 16, 0.02, "euclidean", "faiss flat", ""))
    add("blobs, n = 20000, 2 %", "d", columns, lambda d: epsilon("blobs", 20_000, d, 0.02, "euclidean", "faiss flat", ""))
    add("blobs, n = 50000, d = 16", "ratio", kept, lambda r: epsilon("blobs", 50_000, 16, r, "euclidean", "faiss flat", ""))
    add("blobs, d = 16, 1 %", "n", rows, lambda n: clustering("blobs", n, 16, 0.01, "scikit-learn", "", iterations=10))
    add("blobs, n = 20000, 1 %", "d", columns, lambda d: clustering("blobs", 20_000, d, 0.01, "scikit-learn", "", iterations=10))
    add("decaying, d = 16", "n", rows, lambda n: decomposition(n, 16, "", peer="numpy SVD and scores"))
    add("decaying, n = 20000", "d", columns, lambda d: decomposition(20_000, d, "", peer="numpy SVD and scores"))
    add("blobs, d = 16", "n", rows[:3], lambda n: neighbours("blobs", n, 16, "faiss flat", ""))
    add("blobs, d = 32, 2 %", "n", rows[:3], lambda n: energy(n, 32, 0.02, "NumPy reference", ""))
    add("blobs, n = 20000, d = 32", "ratio", kept, lambda r: energy(20_000, 32, r, "NumPy reference", ""))
    return found


def all_cases() -> list[Case]:
    parts = (maxmin_cases, epsilon_cases, clustering_cases, rkm_cases, decomposition_cases, alone_cases, neighbour_cases, statistic_cases, pass_cases,
             real_cases, thread_cases, program_cases)
    found = [case for part in parts for case in part()]
    names = [case.name for case in found]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)
    return found


def ready(case: Case) -> str:
    """Why a case cannot run here; empty if it can."""
    if case.needs and not os.environ.get(case.needs):
        return {"BENCH_DRYBEAN": "no --drybean FILE", "BENCH_EMBEDDINGS": "no --embeddings FILE", "BENCH_PROGRAM": "no program"}[case.needs]
    return ""
