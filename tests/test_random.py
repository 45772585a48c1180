# SPDX-License-Identifier: BSD-3-Clause
"""The compiled Philox against NumPy's, and random_state."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from taut import _core
from taut._random import generator, philox_key

words = st.integers(min_value=0, max_value=2**64 - 1)


def numpy_philox(k0: int, k1: int, stream: int) -> np.random.Philox:
    return np.random.Philox(
        key=np.array([k0, k1], dtype=np.uint64),
        counter=np.array([0, stream, 0, 0], dtype=np.uint64),
    )


@given(words, words, words, st.integers(0, 50))
def test_words_equal_those_of_numpy(k0, k1, stream, n):
    np.testing.assert_array_equal(
        _core.philox_uint64(k0, k1, stream, n), numpy_philox(k0, k1, stream).random_raw(n)
    )


@pytest.mark.parametrize("stream", [0, 7])
def test_doubles_equal_those_of_numpy(stream):
    n = 2**18 + 1
    np.testing.assert_array_equal(
        _core.philox_uniform(1234, 5678, stream, n),
        np.random.Generator(numpy_philox(1234, 5678, stream)).random(n),
    )


def test_normals_pass_kolmogorov_smirnov_and_have_normal_tails():
    draws = _core.philox_normal(3, 4, 0, 200_000)
    assert stats.kstest(draws, "norm").pvalue > 0.01
    assert np.abs(draws).max() <= np.sqrt(2 * 53 * np.log(2))
    # Pairs of one Box-Muller step must be as independent as any.
    assert abs(np.corrcoef(draws[::2], draws[1::2])[0, 1]) < 4 / np.sqrt(draws.size / 2)


@pytest.mark.parametrize("bound", [1, 2, 7, 1000])
def test_integers_are_uniform(bound):
    draws = _core.philox_below(5, 6, 0, 50_000, bound)
    counts = np.bincount(draws, minlength=bound)
    assert counts.size == bound
    assert bound == 1 or stats.chisquare(counts).pvalue > 0.01


def test_integers_of_a_large_range_stay_in_it():
    bound = 2**62 + 3
    draws = _core.philox_below(5, 6, 1, 10_000, bound)
    assert draws.min() >= 0
    assert draws.max() < bound
    # Uniform on 0 .. bound-1: mean (bound - 1) / 2 with standard error bound / sqrt(12 n).
    assert abs(draws.astype(float).mean() / bound - 0.5) < 4 / np.sqrt(12 * draws.size)


def test_streams_do_not_repeat_each_other():
    values = np.concatenate([_core.philox_uint64(1, 2, s, 1000) for s in range(20)])
    assert np.unique(values).size == values.size


@pytest.mark.parametrize("function", ["philox_uint64", "philox_uniform", "philox_normal"])
def test_negative_size_is_refused(function):
    with pytest.raises(ValueError, match=re.escape("n must be >= 0, got -1.")):
        getattr(_core, function)(1, 2, 0, -1)


def test_bound_below_one_is_refused():
    with pytest.raises(ValueError, match=re.escape("bound must be >= 1, got 0.")):
        _core.philox_below(1, 2, 0, 3, 0)


# --- random_state ---


@pytest.mark.parametrize("make", [lambda: 3, lambda: np.int64(3), lambda: np.random.RandomState(3)])
def test_equal_seeds_give_equal_keys(make):
    assert philox_key(make()) == philox_key(make())


def test_key_has_two_words_and_depends_on_the_seed():
    keys = {philox_key(seed) for seed in range(100)}
    assert len(keys) == 100
    assert all(0 <= word < 2**64 for key in keys for word in key)


def test_none_takes_fresh_entropy():
    assert philox_key(None) != philox_key(None)


def test_generator_is_used_as_it_is_and_advances():
    own = np.random.default_rng(0)
    assert generator(own) is own
    assert philox_key(own) != philox_key(own)


def test_random_state_of_numpy_advances():
    own = np.random.RandomState(0)
    assert philox_key(own) != philox_key(own)


@pytest.mark.parametrize(
    ("random_state", "error", "message"),
    [
        (-1, ValueError, "random_state must be >= 0, got -1."),
        (1.5, TypeError, "got 1.5"),
        ("0", TypeError, "got '0'"),
        (True, TypeError, "got True"),
    ],
)
def test_bad_random_state_is_refused(random_state, error, message):
    with pytest.raises(error, match=re.escape(message)):
        generator(random_state)
