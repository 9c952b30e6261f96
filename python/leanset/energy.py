"""Measure or estimate the energy of a block of code, with the source and the range of every value."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

from leanset import _leanset


class EnergyMeter:
    """Meter the energy of a `with` block.

    Parameters
    ----------
    country : str, optional
        Country of the electricity, as ISO code or English name, to compute CO₂.
    carbon_intensity : float, optional
        Grams of CO₂ equivalent per kilowatt-hour, instead of a country.
    watts : float, optional
        Power of the whole machine during the block, in watts. Replaces all counters.
    tdp : float, optional
        Total rated power of the processors, in watts, for the estimate.

    Attributes
    ----------
    reading : dict
        All values, as under `reading` in `leanset energy --json`: seconds, cpu_seconds, components, machine_joules,
        process_joules, estimated, load, carbon, notes. While the block runs, the values so far.
    seconds : float
        Wall time.
    joules : float or None
        Energy attributed to this process; None without a source.
    joules_range : (float, float) or None
        The range of `joules`.
    grams : float or None
        CO₂ equivalent of `joules`.
    estimated : bool
        Whether any part of the energy is given or modelled instead of measured.
    sources : list of str
        The sources of the energy.

    Raises
    ------
    ValueError
        If the country is unknown, or a value is not a number.

    Notes
    -----
    Counters are tested under load before they are used, so entering the block takes a moment. CPU time is that of the whole
    process: all threads, and child processes that it waited for.

    Examples
    --------
    >>> import leanset
    >>> with leanset.EnergyMeter(country="ESP", watts=50.0) as meter:
    ...     total = sum(range(100_000))
    >>> meter.estimated, meter.reading["carbon"]["country"]
    (True, 'ESP')
    """

    def __init__(
        self,
        *,
        country: str | None = None,
        carbon_intensity: float | None = None,
        watts: float | None = None,
        tdp: float | None = None,
    ) -> None:
        self.country, self.carbon_intensity, self.watts, self.tdp = country, carbon_intensity, watts, tdp
        self._meter: _leanset.Meter | None = None
        self._reading: dict[str, Any] | None = None

    def __enter__(self) -> Self:
        self._reading = None
        self._meter = _leanset.Meter(
            country=self.country, carbon_intensity=self.carbon_intensity, watts=self.watts, tdp=self.tdp
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._meter is not None:
            self._reading = json.loads(self._meter.stop())
            self._meter = None

    @property
    def reading(self) -> dict[str, Any]:
        if self._reading is not None:
            return self._reading
        if self._meter is None:
            raise RuntimeError("the meter has not run: use it as `with leanset.EnergyMeter() as meter:`")
        found: dict[str, Any] = json.loads(self._meter.read())
        return found

    @property
    def seconds(self) -> float:
        return float(self.reading["seconds"])

    @property
    def joules(self) -> float | None:
        energy = self.reading["process_joules"]
        return None if energy is None else float(energy["joules"])

    @property
    def joules_range(self) -> tuple[float, float] | None:
        energy = self.reading["process_joules"]
        return None if energy is None else (float(energy["low"]), float(energy["high"]))

    @property
    def grams(self) -> float | None:
        carbon = self.reading["carbon"]
        return None if carbon is None or carbon["process"] is None else float(carbon["process"]["grams"])

    @property
    def estimated(self) -> bool:
        return bool(self.reading["estimated"])

    @property
    def sources(self) -> list[str]:
        return [f"{c['name']}: {c['source']['kind']}, {c['source']['detail']}" for c in self.reading["components"]]

    def __repr__(self) -> str:
        if self._reading is None:
            return f"EnergyMeter(country={self.country!r})"
        joules, spread, word = self.joules, self.joules_range, "estimated" if self.estimated else "measured"
        if joules is None or spread is None:
            return f"<EnergyMeter: {self.seconds:.3g} s, no joules>"
        return f"<EnergyMeter: {self.seconds:.3g} s, {joules:.3g} J {word} ({spread[0]:.3g} to {spread[1]:.3g} J)>"
