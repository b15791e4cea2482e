"""The feature that CONTRIBUTING shows is taken to the letter, and passes the battery."""

import re
import textwrap

import numpy as np
import pytest
import test_audio_presets as battery
from conftest import ROOT

from affex.features.base import AudioFeature, Signal


@pytest.fixture(scope="module")
def energy() -> AudioFeature:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("**A feature**")[2]
    example = textwrap.dedent(re.search(r"\n((?:(?:    .*)?\n)+)", page)[1])
    module = {"__name__": "affex.features.energy"}
    exec(compile(example, "features/energy.py", "exec"), module)
    return module["PRESETS"]["energy"]


def test_it_passes_the_battery(energy, monkeypatch):
    monkeypatch.setitem(battery.PRESETS, "energy", energy)
    battery.test_rows_are_finite_float32_of_the_stated_width("energy")
    battery.test_rows_of_frames_have_rising_times_inside_the_utterance("energy")
    battery.test_the_shortest_utterance_has_rows_and_a_shorter_one_is_refused("energy")
    assert energy.about == "Level of each frame, dB relative to full scale"


def test_twice_the_amplitude_is_6_decibels_more(energy):
    quiet = Signal(np.full(1600, 0.25, np.float32), energy.rate)
    loud = Signal(2 * quiet.samples, energy.rate)
    more = energy.extract(loud).values - energy.extract(quiet).values
    np.testing.assert_allclose(more, 20 * np.log10(2), atol=1e-4)
