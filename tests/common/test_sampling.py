"""Options of sampling, their defaults and bounds."""

import dataclasses
import math

import pytest

from espnet_prodiff.common.sampling import SAMPLING_OPTIONS, SOLVERS, Sampling
from espnet_prodiff.diffusion import sampler
from espnet_prodiff.errors import InputError


def test_defaults():
    assert dataclasses.asdict(Sampling()) == dict(
        num_steps=None,
        schedule=None,
        eta=None,
        solver="ddim",
        temperature=1.0,
        seed=None,
    )
    assert SAMPLING_OPTIONS == set(dataclasses.asdict(Sampling()))


def test_the_solvers_are_the_sampler_s():
    assert SOLVERS == sampler.SOLVERS


def test_options_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sampling().eta = 0.5


@pytest.mark.parametrize(
    "options",
    [
        dict(eta=0),
        dict(eta=1.0),
        dict(eta=0.5, solver="ddim"),
        dict(eta=0.0, solver="dpmsolver++"),
        dict(solver="dpmsolver++"),
        dict(temperature=0),
        dict(temperature=2.5),
        dict(seed=0),
        dict(seed=2**63 - 1),
        dict(num_steps=4),
        dict(schedule="base6"),
        dict(schedule=[10, 1]),
    ],
)
def test_options_within_their_bounds(options):
    sampling = Sampling(**options)
    assert {name: getattr(sampling, name) for name in options} == options


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(eta=-0.1), "eta is -0.1, expected 0 to 1 with ddim"),
        (dict(eta=1.1), "eta is 1.1, expected 0 to 1 with ddim"),
        (dict(eta=math.nan), "eta is nan"),
        (dict(eta=True), "eta is True, expected a number"),
        (dict(temperature=None), "temperature is None, expected a number"),
        (dict(seed=True), "seed is True"),
        (dict(eta="1"), "eta is '1', expected a number"),
        (dict(eta=0.5, solver="dpmsolver++"), r"eta is 0.5, .* 0 with dpmsolver\+\+"),
        (dict(solver="heun"), r"solver is 'heun', expected one of ddim, dpmsolver\+\+"),
        (dict(solver=None), "solver is None"),
        (dict(temperature=-0.1), "temperature is -0.1, expected >= 0"),
        (dict(temperature=math.inf), "temperature is inf"),
        (dict(temperature=math.nan), "temperature is nan"),
        (dict(temperature="warm"), "temperature is 'warm', expected a number"),
        (dict(seed=-1), "seed is -1, expected a whole number >= 0"),
        (dict(seed=1.0), "seed is 1.0, expected a whole number >= 0"),
        (dict(seed="1"), "seed is '1'"),
        (dict(seed=2**63), "seed is 9223372036854775808"),
    ],
)
def test_options_out_of_bounds_are_refused_by_name(options, message):
    with pytest.raises(InputError, match=message):
        Sampling(**options)
