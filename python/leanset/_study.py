"""`Study`: the result of a comparison, its statistics and its conclusion."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset._candidates import CONTROL, FULL, RANDOM, Candidate
from leanset._errors import hinted
from leanset._estimator import BaseReducer
from leanset._frames import frame_of
from leanset._statistics import Median, Paired, median, paired

#: What the three measures that are always there are called.
NAMES = {"accuracy": "accuracy", "macro_f1": "macro F1", "worst_recall": "worst-class recall"}
#: The columns of a terminal.
COLUMNS = 80
#: The measure that may not be lost beside accuracy: accuracy says little about a small class.
BESIDE = "macro_f1"


@dataclass(frozen=True)
class Cell:
    """One method at one ratio, over the folds."""

    method: str
    ratio: float
    rows: int
    weighted: bool
    measures: dict[str, Median]
    #: The main measure less that of random rows; none of random itself, of all rows and where random was not tried.
    gain: Paired | None
    #: That of all rows less this one; none of all rows.
    loss: Paired | None
    select_seconds: float
    fit_seconds: float
    n: int


@dataclass(frozen=True, repr=False)
class Smallest:
    """The fewest rows that are good enough, or why there are none. It is false if there are none.

    Attributes
    ----------
    method : str or None
        The label of the method; None if all rows are needed.
    ratio : float
        The fraction of the training rows to keep; 1 if all are needed.
    rows : int
        How many rows of a fold that is.
    loss, loss_low, loss_high : float
        What is lost of the measure against all rows, in the median of the folds, with its interval. If all rows are needed, the
        loss of `best`.
    gain, gain_low, gain_high, p : float
        What is gained over random rows at this ratio, with its interval and the exact p-value; NaN for random rows.
    measure : str
        The measure.
    within : float
        What could be lost.
    best : str or None
        If all rows are needed, what loses least of what may be named.
    best_ratio : float
        Its ratio.
    """

    method: str | None
    ratio: float
    rows: int
    loss: float
    loss_low: float
    loss_high: float
    gain: float
    gain_low: float
    gain_high: float
    p: float
    measure: str
    within: float
    best: str | None
    best_ratio: float
    _text: str
    _candidate: Candidate | None
    _transform: Any

    def __bool__(self) -> bool:
        return self.method is not None

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text

    @property
    def sampler(self) -> BaseReducer:
        """The unfitted estimator that keeps these rows, of coordinates as the study measured them.

        Raises
        ------
        ValueError
            If all rows are needed.
        """
        if self._candidate is None:
            raise ValueError("all rows are needed: there is no sampler that keeps few enough")
        return self._candidate.sampler(self.ratio)

    @property
    def code(self) -> str:
        """The line of Python that fits the estimator on these rows of X and y."""
        if self._candidate is None:
            return "estimator.fit(X, y)"
        transform = "" if self._transform is None else f", transformer={word(self._transform)}"
        weights = "" if self._candidate.weights or self._candidate.method.capabilities["weights"] == "no" else ", weights=False"
        return f"leanset.ReducedClassifier(estimator, leanset.{self.sampler!r}{transform}{weights}).fit(X, y)"


def word(transform: Any) -> str:
    return repr(transform) if isinstance(transform, str) else "transform"


class Study:
    """The result of `leanset.compare`. It prints as a table.

    Attributes
    ----------
    runs : list of dict
        One for each fit: repeat, fold, method, ratio, rows, weighted, select_seconds, fit_seconds and the measures.
    summary : list of dict
        One for each method and ratio, see `summarize`.
    measures : list of str
        The measures: accuracy, macro_f1, worst_recall, and those that you named.
    main : str
        The main measure.
    rows : int
        Number of rows of X.
    classes : ndarray
        The classes.
    notes : list of str
        What is worth knowing: weights that were not used, warnings of methods, too few folds for a verdict.
    """

    def __init__(
        self,
        *,
        runs: list[dict[str, Any]],
        estimator: Any,
        transform: Any,
        candidates: dict[str, Candidate],
        measures: list[str],
        main: str,
        stated: bool,
        rows: int,
        classes: npt.NDArray[Any],
        notes: list[str],
        library: str,
    ) -> None:
        self.runs = runs
        self.measures = measures
        self.main = main
        self.rows = rows
        self.classes = classes
        self.notes = notes
        self._estimator = estimator
        self._transform = transform
        self._candidates = candidates
        self._stated = stated
        self._library = library

    def _cells(self, main: str) -> list[Cell]:
        """Every method at every ratio, ascending, and all rows at the end."""
        groups: dict[tuple[float, str], list[dict[str, Any]]] = {}
        for run in self.runs:
            groups.setdefault((run["ratio"], run["method"]), []).append(run)

        def of(group: Sequence[Mapping[str, Any]]) -> dict[tuple[int, int], float]:
            return {(run["repeat"], run["fold"]): run[main] for run in group}

        full = of(groups[1.0, FULL])
        order = {label: at for at, label in enumerate([*self._candidates, FULL])}
        cells = []
        for (ratio, method), group in sorted(groups.items(), key=lambda item: (item[0][0], order[item[0][1]])):
            own = of(group)
            random = of(groups.get((ratio, RANDOM), []))
            gain = None if method in (RANDOM, FULL) else paired(own[key] - random[key] for key in own)
            cells.append(
                Cell(
                    method,
                    ratio,
                    int(median(run["rows"] for run in group).value),
                    any(run["weighted"] for run in group),
                    {name: median(run[name] for run in group) for name in self.measures},
                    gain,
                    None if method == FULL else paired(full[key] - own[key] for key in own),
                    median(run["select_seconds"] for run in group).value,
                    median(run["fit_seconds"] for run in group).value,
                    len(group),
                )
            )
        return cells

    def _measure(self, measure: str | None) -> str:
        if measure is None:
            return self.main
        if measure not in self.measures:
            raise hinted(
                ValueError(f"measure must be one of {', '.join(self.measures)}, not {measure!r}"),
                "compare(..., scoring=[...]) measures others",
            )
        return measure

    def summarize(self, measure: str | None = None) -> list[dict[str, Any]]:
        """Summarise the folds.

        Parameters
        ----------
        measure : str, optional
            The measure that is compared; by default the main one.

        Returns
        -------
        list of dict
            One for each method and ratio, and one for all rows (`full`). `method`, `ratio`, `rows` (kept, in the median of the folds),
            `fits`, `weighted` (fitted with the weights of the method); each measure in the median, with its interval as
            `measure_low` and `measure_high`; `gain` over random rows at the same ratio with `gain_low`, `gain_high`, `gain_p` and
            `gain_verdict` ("yes": better than random, "no": worse, or "cannot tell"); `loss` against all rows, likewise ("yes":
            something is lost); `select_seconds` (of a fold, for all ratios if the method ranks) and `fit_seconds`. What is not
            there is None.
        """
        found = []
        for cell in self._cells(self._measure(measure)):
            row: dict[str, Any] = {
                "method": cell.method,
                "ratio": cell.ratio,
                "rows": cell.rows,
                "fits": cell.n,
                "weighted": cell.weighted,
            }
            for name, value in cell.measures.items():
                row.update({name: value.value, f"{name}_low": value.low, f"{name}_high": value.high})
            for name, test in (("gain", cell.gain), ("loss", cell.loss)):
                row.update(
                    {
                        name: None if test is None else test.difference.value,
                        f"{name}_low": None if test is None else test.difference.low,
                        f"{name}_high": None if test is None else test.difference.high,
                        f"{name}_p": None if test is None else test.p,
                        f"{name}_verdict": None if test is None else test.verdict,
                    }
                )
            row.update({"select_seconds": cell.select_seconds, "fit_seconds": cell.fit_seconds})
            found.append(row)
        return found

    @property
    def summary(self) -> list[dict[str, Any]]:
        return self.summarize()

    def to_frame(self, measure: str | None = None, *, runs: bool = False) -> Any:
        """Return the summary, or all runs, as a frame.

        Parameters
        ----------
        measure : str, optional
            The measure that is compared; by default the main one.
        runs : bool, default=False
            One row for each fit instead of one for each method and ratio.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or list of dict
            A frame of the library that X was of, otherwise of pandas if it is installed, otherwise of Polars; without both, a list.
        """
        records = self.runs if runs else self.summarize(measure)
        return frame_of(records, self._library)

    def smallest(self, within: float = 0.01, measure: str | None = None) -> Smallest:
        """Name the method and the ratio with the fewest rows that are good enough.

        Parameters
        ----------
        within : float, default=0.01
            What may be lost of the measure against all rows, in the median: 0.01 is one point.
        measure : str, optional
            The measure. By default the one of `scoring`. If none was named, accuracy, and macro F1 may not lose more either,
            because accuracy says little about a small class.

        Returns
        -------
        Smallest
            False if all rows are needed. Prints as a sentence.

        Notes
        -----
        The rule is that of `leanset experiment`. A method is named only if it is shown to beat random rows at this ratio; random rows
        may always be named. Of several methods at the smallest ratio, the one with the highest median is named.
        """
        if (
            isinstance(within, bool)
            or not isinstance(within, int | float | np.integer | np.floating)
            or not 0 <= within < math.inf
        ):
            raise ValueError(f"within must be a number of at least 0, such as 0.01 for one point, not {within!r}")
        main = self._measure(measure)
        both = [main]
        if measure is None and not self._stated:
            both.append(BESIDE)
        cells = self._cells(main)
        full = next(cell for cell in cells if cell.method == FULL)
        named = [cell for cell in cells if self._may_be_named(cell)]

        def enough(cell: Cell) -> bool:
            return all(
                math.isnan(full.measures[m].value) or cell.measures[m].value >= full.measures[m].value - within for m in both
            )

        def highest(cells: Sequence[Cell]) -> Cell:
            return max(cells, key=lambda cell: cell.measures[main].value)

        good = [cell for cell in named if enough(cell)]
        found = highest([cell for cell in good if cell.ratio == good[0].ratio]) if good else None
        best = found or (highest(named) if named else None)
        text = self._sentence(found, best, full, both, within)
        loss = best.loss.difference if best is not None and best.loss is not None else median([])
        gain = found.gain if found is not None else None
        over = median([]) if gain is None else gain.difference
        return Smallest(
            None if found is None else found.method,
            1.0 if found is None else found.ratio,
            (found or full).rows,
            loss.value,
            loss.low,
            loss.high,
            over.value,
            over.low,
            over.high,
            math.nan if gain is None else gain.p,
            main,
            float(within),
            None if found is not None or best is None else best.method,
            1.0 if best is None else best.ratio,
            text,
            None if found is None else self._candidates[found.method],
            self._transform,
        )

    @staticmethod
    def _may_be_named(cell: Cell) -> bool:
        if cell.method in (FULL, CONTROL):
            return False
        return cell.method == RANDOM or (cell.gain is not None and cell.gain.verdict == "yes")

    def _sentence(self, found: Cell | None, best: Cell | None, full: Cell, both: list[str], within: float) -> str:
        unit = self._unit(both[0])
        what = " or ".join(name_of(measure) for measure in both)
        if found is None:
            text = (
                f"Train on all rows: every smaller set that was tried and may be named loses more than {unit.size(within)} of "
                f"{what}."
            )
            if best is not None and best.loss is not None:
                text += f" If rows must go, {best.method} at {share(best.ratio)} loses least: {unit.interval(best.loss.difference)}."
            return text
        how = "at random, class by class" if found.method == RANDOM else f"by {found.method}"
        assert found.loss is not None
        text = (
            f"Keep {share(found.ratio)} of the rows ({found.rows:,} of {full.rows:,} in a fold) {how}: against all rows "
            f"{unit.interval(found.loss.difference)} of {name_of(both[0])} are lost in the median."
        )
        if found.gain is not None:
            text += f" It beats random rows by {unit.interval(found.gain.difference)} (p = {found.gain.p:.2g})."
        elif len(self._candidates) > 2:
            text += " No method is shown to be better there."
        return text

    def _unit(self, measure: str) -> Unit:
        """Points for measures between 0 and 1."""
        return Unit(all(0 <= run[measure] <= 1 or math.isnan(run[measure]) for run in self.runs))

    def plot(self, measure: str | None = None, *, ax: Any = None) -> Any:
        """Plot the measure over the fraction of rows, with its intervals.

        Parameters
        ----------
        measure : str, optional
            The measure; by default the main one.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        try:
            from matplotlib import pyplot
            from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
        except ImportError as error:
            raise hinted(
                ImportError("Study.plot needs matplotlib, which is not installed"), "pip install matplotlib"
            ) from error
        main = self._measure(measure)
        cells = self._cells(main)
        if ax is None:
            _, ax = pyplot.subplots(figsize=(7.5, 4.5), layout="constrained")
        full = next(cell for cell in cells if cell.method == FULL).measures[main]
        ax.axhspan(full.low, full.high, color="0.5", alpha=0.12, linewidth=0)
        ax.axhline(full.value, color="0.25", linewidth=1.2, linestyle="--", label="all rows")
        ratios = sorted({cell.ratio for cell in cells if cell.method != FULL})
        lines = list(self._candidates)
        colours = iter(f"C{at}" for at in range(10) if at != 7)
        for at, label in enumerate(lines):
            own = [cell for cell in cells if cell.method == label]
            if not own:
                continue
            # Side by side, so that intervals do not hide one another.
            shift = 1.022 ** (at - (len(lines) - 1) / 2)
            x = np.array([cell.ratio * shift for cell in own])
            y = np.array([cell.measures[main].value for cell in own])
            low = np.array([cell.measures[main].low for cell in own])
            high = np.array([cell.measures[main].high for cell in own])
            style: dict[str, Any] = (
                {"color": "0.45", "linewidth": 1.6, "marker": "s"}
                if label == RANDOM
                else (
                    {"color": "0.65", "linewidth": 1.2, "marker": "x", "linestyle": ":"}
                    if label == CONTROL
                    else {"color": next(colours, "C0"), "linewidth": 1.6, "marker": "o"}
                )
            )
            ax.errorbar(x, y, yerr=[y - low, high - y], label=label, markersize=4, capsize=2, elinewidth=0.9, **style)
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(ratios))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
        ax.set_xlabel("rows that are kept")
        ax.set_ylabel(name_of(main))
        ax.set_title(f"{type(self._estimator).__name__}, {full.n} folds: medians with intervals", fontsize="medium")
        ax.grid(alpha=0.25)
        ax.legend(fontsize="small", frameon=False)
        return ax

    def _head(self, cells: list[Cell]) -> str:
        """What was compared, in a line."""
        full = next(cell for cell in cells if cell.method == FULL)
        return (
            f"{type(self._estimator).__name__} on {self.rows:,} rows of {len(self.classes)} classes, {full.n} folds "
            f"of {full.rows:,} training rows"
        )

    def _columns(self, cells: list[Cell], main: str) -> tuple[list[str], list[tuple[float, list[str]]]]:
        """The head and the rows of the table as text, each with its ratio."""
        unit = self._unit(main)
        beside = [name for name in (BESIDE, "worst_recall") if name != main]
        short = {"macro_f1": "mac. F1", "worst_recall": "worst", "accuracy": "accuracy"}
        head = ["method", short.get(main, main), "over random", "", "lost", *(short[name] for name in beside)]
        verdicts = {"yes": "yes", "no": "no", "cannot tell": "?"}
        rows = []
        for cell in cells:
            gain = ["", ""] if cell.gain is None else [unit.bracket(cell.gain.difference), verdicts[cell.gain.verdict]]
            lost = "" if cell.loss is None else unit.signed(cell.loss.difference.value)
            label = "all rows" if cell.method == FULL else cell.method
            rows.append(
                (
                    cell.ratio,
                    [
                        label,
                        number(cell.measures[main].value),
                        *gain,
                        lost,
                        *(number(cell.measures[name].value) for name in beside),
                    ],
                )
            )
        return head, rows

    def __str__(self) -> str:
        cells = self._cells(self.main)
        head, rows = self._columns(cells, self.main)
        kept = {cell.ratio: cell.rows for cell in cells}
        widths = [max(len(row[at]) for row in [head, *(row for _, row in rows)]) for at in range(len(head))]
        gaps = 2 * (len(head) - 1)
        widths[0] = max(8, min(widths[0], COLUMNS - 2 - gaps - sum(widths[1:])))

        def line(row: list[str]) -> str:
            label = row[0] if len(row[0]) <= widths[0] else row[0][: widths[0] - 1] + "…"
            words = [label.ljust(widths[0])]
            for at, text in enumerate(row[1:], 1):
                words.append(text.ljust(widths[at]) if at == 3 else text.rjust(widths[at]))
            return "  " + "  ".join(words).rstrip()

        lines = [self._head(cells), "", line(head).rstrip()]
        ratio = None
        for at, row in rows:
            if at != ratio:
                ratio = at
                lines.append(f"{share(at)} of the rows: {kept[at]:,}")
            lines.append(line(row))
        unit = self._unit(self.main)
        scale = "points" if unit.points else "units"
        lines += [
            "",
            *wrapped(
                f"over random, lost: {scale} of {name_of(self.main)}, median and its interval; yes/no/?: better than random, "
                "worse, cannot tell (exact Wilcoxon test at 5 %)."
            ),
            *wrapped(str(self.smallest())),
        ]
        for note in self.notes:
            lines += wrapped(f"note: {note}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        cells = self._cells(self.main)
        unit = self._unit(self.main)
        scale = " (points)" if unit.points else ""
        head = [
            "rows",
            "method",
            name_of(self.main),
            f"over random{scale}",
            "better?",
            f"lost against all{scale}",
            *(name_of(name) for name in self.measures if name != self.main),
        ]
        body = []
        for cell in cells:
            words = [
                f"{share(cell.ratio)} ({cell.rows:,})",
                "all rows" if cell.method == FULL else cell.method,
                interval(cell.measures[self.main]),
                "" if cell.gain is None else unit.bracket(cell.gain.difference),
                "" if cell.gain is None else f"{cell.gain.verdict} (p = {cell.gain.p:.2g})",
                "" if cell.loss is None else unit.bracket(cell.loss.difference),
                *(interval(value) for name, value in cell.measures.items() if name != self.main),
            ]
            body.append("<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in words) + "</tr>")
        notes = "".join(f"<p>{html.escape(text)}</p>" for text in [str(self.smallest()), *self.notes])
        return (
            f"<div><p><b>{html.escape(self._head(cells))}</b></p><table><thead><tr>"
            + "".join(f"<th>{html.escape(text)}</th>" for text in head)
            + f"</tr></thead><tbody>{''.join(body)}</tbody></table>{notes}</div>"
        )


@dataclass(frozen=True)
class Unit:
    """How differences of a measure are written: in points, or as they are."""

    points: bool

    def signed(self, value: float) -> str:
        if math.isnan(value):
            return "–"
        text = f"{100 * value:+.1f}" if self.points else f"{value:+.3g}"
        # Not "-0.0".
        return text.replace("-", "−") if float(text) != 0 else text.lstrip("+-")

    def size(self, value: float) -> str:
        if not self.points:
            return f"{value:g}"
        return f"{100 * value:g} {'point' if value == 0.01 else 'points'}"

    def bracket(self, value: Median) -> str:
        return f"{self.signed(value.value)} [{self.signed(value.low)}, {self.signed(value.high)}]"

    def interval(self, value: Median) -> str:
        """In a sentence."""
        low, high, middle = (self.signed(v).lstrip("+") for v in (value.low, value.high, value.value))
        return f"{middle}{' points' if self.points else ''} [{low}, {high}]"


def name_of(measure: str) -> str:
    return NAMES.get(measure, measure)


def number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}" if abs(value) < 100 else f"{value:.4g}"


def interval(value: Median) -> str:
    return f"{number(value.value)} [{number(value.low)}, {number(value.high)}]"


def share(ratio: float) -> str:
    return f"{100 * ratio:.3g} %"


def wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, COLUMNS, subsequent_indent="  ")
