"""Energy values always have a source and a range."""

from __future__ import annotations

import pytest

import leanset


def test_meter_uses_the_given_power():
    with leanset.EnergyMeter(country="Spain", watts=36.0) as meter:
        assert meter.seconds >= 0
        sum(range(2_000_000))
    reading = meter.reading
    assert reading["machine_joules"]["joules"] == pytest.approx(36.0 * meter.seconds)
    assert meter.estimated
    assert meter.sources[0].startswith("machine: given")
    assert reading["carbon"]["country"] == "ESP"
    assert reading["carbon"]["year"] >= 2020
    if meter.joules is not None:
        low, high = meter.joules_range
        assert low <= meter.joules <= high
        assert meter.grams == pytest.approx(meter.joules / 3.6e6 * reading["carbon"]["grams_per_kwh"])
    assert "estimated" in repr(meter) or meter.joules is None


def test_meter_reports_the_sources_of_this_machine():
    with leanset.EnergyMeter() as meter:
        sum(range(100_000))
    assert meter.reading["carbon"] is None
    assert meter.grams is None
    assert meter.reading["notes"] is not None


def test_meter_stops_when_the_block_fails():
    meter = leanset.EnergyMeter(watts=1.0)
    with pytest.raises(ZeroDivisionError), meter:
        1 / 0
    assert meter.seconds > 0


def test_meter_refuses_bad_arguments():
    with pytest.raises(ValueError, match="no carbon intensity for the country 'Atlantis'"):
        leanset.EnergyMeter(country="Atlantis").__enter__()
    with pytest.raises(ValueError, match="above 0, not -1"):
        leanset.EnergyMeter(watts=-1).__enter__()
    with pytest.raises(ValueError, match="both a country and a carbon intensity"):
        leanset.EnergyMeter(country="ESP", carbon_intensity=3.0).__enter__()
    with pytest.raises(RuntimeError, match="has not run"):
        _ = leanset.EnergyMeter().reading
