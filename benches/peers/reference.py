"""What the peers are asked to do, and plain NumPy where there is no library that does the same."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import data
import numpy as np


def fpsample_best(x: np.ndarray, m: int) -> tuple[str, Callable[[], Any]]:
    """The fastest function of fpsample for this many columns; its bucket functions take 8 columns at most."""
    import fpsample

    if x.shape[1] <= 8:
        calls: dict[str, Callable[[], Any]] = {
            f"bucket_fps_kdline h={h}": lambda h=h: fpsample.bucket_fps_kdline_sampling(x, m, h, start_idx=0) for h in (3, 5, 7, 9)
        }
        calls["bucket_fps_kdtree"] = lambda: fpsample.bucket_fps_kdtree_sampling(x, m, start_idx=0)
        best = min(calls, key=lambda name: seconds(calls[name]))
        return best, calls[best]
    few = min(m, 100)
    ways = {"fps": fpsample.fps_sampling, "fps_npdu_kdtree": fpsample.fps_npdu_kdtree_sampling}
    best = min(ways, key=lambda name: seconds(lambda: ways[name](x, few, start_idx=0)))
    return best, lambda: ways[best](x, m, start_idx=0)


def seconds(call: Callable[[], Any]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def faiss_epsilon(x: np.ndarray, own: np.ndarray) -> Callable[[], float]:
    import faiss

    x, own = (np.ascontiguousarray(a, dtype=np.float32) for a in (x, own))

    def call() -> float:
        index = faiss.IndexFlatL2(own.shape[1])
        index.add(own)
        squares, _ = index.search(x, 1)
        return float(np.sqrt(max(squares.max(), 0)))

    return call


def tree_epsilon(x: np.ndarray, own: np.ndarray, metric: str, threads: int) -> Callable[[], float]:
    from scipy.spatial import cKDTree

    p = {"chebyshev": np.inf, "euclidean": 2, "manhattan": 1}[metric]
    return lambda: float(cKDTree(own).query(x, k=1, p=p, workers=threads)[0].max())


def kmeans(peer: str, x: np.ndarray, start: np.ndarray, steps: int, threads: int) -> Callable[[], np.ndarray]:
    """Lloyd's iteration from these centres, so many times."""
    if peer == "scikit-learn":
        from sklearn.cluster import KMeans

        def sklearn() -> np.ndarray:
            return KMeans(len(start), init=start, n_init=1, algorithm="lloyd", max_iter=steps, tol=0).fit(x).cluster_centers_

        return sklearn
    if peer == "faiss":
        import faiss

        x = np.ascontiguousarray(x, dtype=np.float32)

        def of_faiss() -> np.ndarray:
            model = faiss.Kmeans(x.shape[1], len(start), niter=steps, min_points_per_centroid=1, max_points_per_centroid=10**9)
            model.train(x, init_centroids=start.astype(np.float32))
            return model.centroids

        return of_faiss
    from scipy.cluster.vq import kmeans2

    return lambda: kmeans2(x, start, iter=steps, minit="matrix")[0]


def inertia(x: np.ndarray, centres: np.ndarray) -> float:
    """The mean squared distance of the rows to their nearest centre."""
    import faiss

    index = faiss.IndexFlatL2(x.shape[1])
    index.add(np.ascontiguousarray(centres, dtype=np.float32))
    return float(index.search(np.ascontiguousarray(x, dtype=np.float32), 1)[0].mean(dtype=np.float64))


def svd_scores(x: np.ndarray) -> np.ndarray:
    _, sigma, vt = np.linalg.svd(x, full_matrices=False)
    cosines = np.abs((x / np.linalg.norm(x, axis=1, keepdims=True)) @ vt.T)
    inverse = 1 / np.maximum(sigma, 1e-300)
    return -np.log(np.maximum(cosines, 1e-3)) @ (inverse / inverse.sum())


def neighbours(peer: str, x: np.ndarray, k: int, threads: int) -> Callable[[], Any]:
    """The k nearest other rows of every row."""
    if peer == "scikit-learn":
        from sklearn.neighbors import NearestNeighbors

        return lambda: NearestNeighbors(n_neighbors=k, n_jobs=threads).fit(x).kneighbors()
    if peer == "pynndescent":
        from pynndescent import NNDescent

        # What it compiles at the first call is compiled here.
        NNDescent(x[:500], n_neighbors=k + 1, n_jobs=threads, random_state=0).neighbor_graph  # noqa: B018
        return lambda: NNDescent(x, n_neighbors=k + 1, n_jobs=threads, random_state=0).neighbor_graph
    import faiss

    def flat() -> Any:
        index = faiss.IndexFlatL2(x.shape[1])
        index.add(x)
        return index.search(x, k + 1)

    return flat


def drawn(n: int, many: int) -> np.ndarray:
    return data.generator(40, n).choice(n, min(n, many), replace=False)


def distances(x: np.ndarray, squares: np.ndarray, others: np.ndarray) -> np.ndarray:
    found = x @ others.T
    found *= -2
    found += squares[:, None]
    found += (others * others).sum(1)
    return np.maximum(found, 0, out=found)


def energy(x: np.ndarray, m: int, blas: bool) -> np.ndarray:
    """The rule of the method: a sample of 500 rows stands for the class; one row after another."""
    squares = (x * x).sum(1)
    sample = x[drawn(len(x), 500)]
    mean = np.concatenate([np.sqrt(distances(x[at : at + 8192], squares[at : at + 8192], sample)).mean(1) for at in range(0, len(x), 8192)])
    sums, chosen = np.zeros(len(x)), np.empty(m, dtype=np.int64)
    taken = np.zeros(len(x))
    for t in range(m):
        i = chosen[t] = int(np.argmax(sums / (t + 1) - mean - taken))
        taken[i] = np.inf
        # As a product with rounding errors, or as in the definition.
        sums += np.sqrt(distances(x, squares, x[i : i + 1])[:, 0]) if blas else np.linalg.norm(x - x[i], axis=1)
    return chosen


def herding(x: np.ndarray, m: int, sigma: float) -> np.ndarray:
    squares, scale = (x * x).sum(1), -0.5 / sigma**2
    sample = x[drawn(len(x), 500)]
    mean = np.concatenate([np.exp(scale * distances(x[at : at + 8192], squares[at : at + 8192], sample)).mean(1) for at in range(0, len(x), 8192)])
    sums, chosen, taken = np.zeros(len(x)), np.empty(m, dtype=np.int64), np.zeros(len(x))
    for t in range(m):
        i = chosen[t] = int(np.argmax(mean - sums / (t + 1) - taken))
        taken[i] = np.inf
        sums += np.exp(scale * distances(x, squares, x[i : i + 1])[:, 0])
    return chosen


def stratified(y: np.ndarray, sizes: dict[Any, int]) -> np.ndarray:
    g = np.random.default_rng(0)
    return np.sort(np.concatenate([g.choice(np.flatnonzero(y == label), size, replace=False) for label, size in sizes.items()]))


def distance_entropy(x: np.ndarray, y: np.ndarray, kept: float) -> np.ndarray:
    labels = np.unique(y)
    sizes = {label: max(1, round(kept / 2 * (y == label).sum())) for label in labels}
    base = stratified(y, sizes)
    means = np.stack([x[base[y[base] == label]].mean(0) for label in labels])
    d = np.sqrt(distances(x, (x * x).sum(1), means))
    p = np.exp(d - d.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    entropy = -(p * np.log2(np.maximum(p, 1e-300))).sum(1)
    entropy[base] = -1
    more = round(kept * len(x)) - len(base)
    return np.sort(np.concatenate([base, np.argpartition(-entropy, more)[:more]]))


def moderate(x: np.ndarray, y: np.ndarray, kept: float) -> np.ndarray:
    found = []
    for rows in data.groups(y):
        points = x[rows]
        far = np.linalg.norm(points - points.mean(0), axis=1)
        near = np.abs(far - np.median(far))
        found.append(rows[np.argpartition(near, max(1, round(kept * rows.size)))[: max(1, round(kept * rows.size))]])
    return np.sort(np.concatenate(found))


# ---- the program ----


@dataclass(frozen=True)
class Ran:
    """A run of the program: seconds and the peak of its memory."""

    wall: float
    cpu: float
    megabytes: float


def parquet(kind: str, n: int, d: int) -> str:
    """A file with these points in columns and two classes, made once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = os.path.join(tempfile.gettempdir(), f"leanset-bench-{os.getuid()}-{kind}-{n}-{d}-{data.SEED}.parquet")
    if not os.path.exists(path):
        x, y = data.MADE[kind](n, d, "float32"), data.classes(n, 2)
        pq.write_table(pa.table({**{f"x{j}": x[:, j] for j in range(d)}, "y": y}), path + ".new", row_group_size=131_072)
        os.replace(path + ".new", path)
    return path


def csv(kind: str, n: int, d: int) -> str:
    """The same points as text."""
    import pyarrow.csv
    import pyarrow.parquet as pq

    table = parquet(kind, n, d)
    path = table.removesuffix("parquet") + "csv"
    if not os.path.exists(path):
        pyarrow.csv.write_csv(pq.read_table(table), path + ".new")
        os.replace(path + ".new", path)
    return path


def reader(peer: str, table: str) -> Callable[[], Any]:
    """Reads a file into memory, and nothing else."""
    if peer == "polars.read_csv":
        import polars

        return lambda: polars.read_csv(table)
    import pyarrow.parquet as pq

    return lambda: pq.read_table(table, use_threads=os.environ["OMP_NUM_THREADS"] != "1")


def program(table: str, method: str, threads: int) -> Ran:
    with tempfile.TemporaryDirectory() as folder:
        command = [os.environ["BENCH_PROGRAM"], "reduce", table, "--label", "y", "--method", method, "--ratio", "0.01", "--scale", "none", "--quiet",
                   "--threads", str(threads), "--output", os.path.join(folder, "lean.parquet")]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        error = process.stderr.read() if process.stderr else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(error.decode()[-300:])
        return Ran(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
