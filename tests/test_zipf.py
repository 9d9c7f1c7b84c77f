"""The laws of a vocabulary: fits find the law that a sample was drawn from, expectations are enumerated."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from dataclasses import asdict
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zipcal_spark.zipf import (
    HeapsCurve,
    Spectrum,
    expected_random_coverage,
    fit_heaps,
    fit_zipf_mandelbrot,
    heaps_curve,
    rank_frequency,
)


def spectrum_of(counts) -> Spectrum:
    """The spectrum of terms that occur so often, each time in another document; rows in no order."""
    tf, types = np.unique(counts[counts > 0], return_counts=True)
    order = np.random.default_rng(0).permutation(len(tf))
    return Spectrum(tf[order].astype(np.int64), tf[order].astype(np.int64), types[order], int(tf.max(initial=0)))


def law(exponent: float, shift: float, vocabulary: int) -> np.ndarray:
    probability = (np.arange(1, vocabulary + 1) + shift) ** -exponent
    return probability / probability.sum()


def sample(exponent: float, shift: float, vocabulary: int, tokens: int, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).multinomial(tokens, law(exponent, shift, vocabulary))


def billion_types() -> Spectrum:
    """10^9 types by the law 2e8 / (r + 2.7), in as many rows as such a corpus would have."""
    edges = np.unique(np.rint(np.geomspace(1, 10**9 + 1, 30_000)).astype(np.int64))
    tf = np.rint(2e8 / ((edges[:-1] + edges[1:] - 1) / 2 + 2.7) + 0.5).astype(np.int64)
    return Spectrum(tf, tf, np.diff(edges), int(tf.max()))


small_counts = st.lists(st.integers(1, 12), min_size=1, max_size=12).map(np.array)


def test_spectrum_counts_tokens_types_and_hapaxes():
    # Two rows of one tf, and one of a df of 1 that is no hapax.
    spectrum = Spectrum(np.array([5, 1, 5]), np.array([3, 1, 1]), np.array([1, 4, 2]), 3)
    assert (spectrum.tokens, spectrum.vocabulary_size, spectrum.hapaxes) == (19, 7, 4)
    assert rank_frequency(spectrum).frequency.tolist() == [5, 5, 5, 1, 1, 1, 1]


# -- rank-frequency curve


@given(small_counts)
def test_rank_frequency_is_the_sorted_vocabulary(counts):
    curve = rank_frequency(spectrum_of(counts), points=1000)
    assert curve.rank.tolist() == list(range(1, len(counts) + 1))
    assert curve.frequency.tolist() == sorted(counts.tolist(), reverse=True)


def test_rank_frequency_of_a_large_vocabulary_is_thinned_evenly_over_the_logarithm():
    counts = sample(1.1, 2.7, 20_000, 10**5)
    curve = rank_frequency(spectrum_of(counts), points=50)
    ordered = np.sort(counts[counts > 0])[::-1]
    assert (curve.rank[0], curve.rank[-1]) == (1, len(ordered))
    assert len(curve.rank) <= 50
    assert (curve.frequency == ordered[curve.rank - 1]).all()
    ratio = curve.rank[1:] / curve.rank[:-1]
    assert ratio[-20:] == pytest.approx(np.full(20, ratio[-1]), rel=0.01)


# -- Zipf-Mandelbrot


# Over 20 seeds s has a standard deviation of at most 0.0013 here and is off by at most 0.002 on average;
# 0.006 still tells a fit without the half token that sorting adds: at (0.9, 10) that is off by 0.009. The
# standard deviation of q is 0.009 * (1 + q) at most.
@pytest.mark.parametrize(
    ("exponent", "shift", "vocabulary"),
    [
        (0.9, 0, 20_000),
        (0.9, 10, 100_000),
        (1.0, 0, 100_000),
        (1.0, 2.7, 100_000),
        (1.0, 2.7, 500),
        (1.2, 2.7, 100_000),
        (1.2, 10, 100_000),
        (1.5, 0, 100_000),
        (1.5, 10, 100_000),
    ],
)
def test_fit_recovers_the_law_that_a_million_tokens_were_drawn_from(exponent, shift, vocabulary):
    tokens = 10**6
    fit = fit_zipf_mandelbrot(spectrum_of(sample(exponent, shift, vocabulary, tokens)))
    assert fit.exponent == pytest.approx(exponent, abs=0.006)
    assert fit.shift == pytest.approx(shift, abs=0.03 * (1 + shift))
    ranks = np.array([1, 10, 100])
    predicted = fit.scale / (ranks + fit.shift) ** fit.exponent
    assert predicted == pytest.approx(tokens * law(exponent, shift, vocabulary)[ranks - 1], rel=0.02)
    assert fit.ks < 0.003
    assert fit.r2 > 0.995


# A hundredth of the tokens has ten times the standard deviation, here over the root of five for the mean.
@pytest.mark.parametrize("exponent", [1.0, 1.2, 1.5])
def test_fit_recovers_the_law_roughly_from_ten_thousand_tokens(exponent):
    fits = [fit_zipf_mandelbrot(spectrum_of(sample(exponent, 2.7, 5000, 10**4, seed))) for seed in range(5)]
    assert np.mean([fit.exponent for fit in fits]) == pytest.approx(exponent, abs=0.03)
    assert {fit.min_frequency for fit in fits} == {2}  # few ranks: the rare are let in


def test_fit_of_counts_without_noise_is_the_law_itself():
    # 10^13 tokens: neither rounding nor half a token is seen. Rank 1 to 2000 have a bin each.
    counts = np.rint(1e13 * law(1.1, 4.2, 2000)).astype(np.int64)
    fit = fit_zipf_mandelbrot(spectrum_of(counts))
    assert (fit.exponent, fit.shift) == (pytest.approx(1.1, abs=1e-6), pytest.approx(4.2, abs=1e-5))
    assert fit.ks < 1e-6
    assert fit.r2 == pytest.approx(1, abs=1e-9)


def test_fit_says_which_ranks_it_used():
    counts = sample(1.0, 2.7, 100_000, 10**6)
    fit = fit_zipf_mandelbrot(spectrum_of(counts))
    assert (fit.first_rank, fit.last_rank, fit.min_frequency) == (1, (counts >= 10).sum(), 10)


def test_goodness_of_fit_is_that_of_the_fitted_curve():
    counts = np.sort(sample(1.0, 2.7, 5000, 10**5))[::-1]
    fit = fit_zipf_mandelbrot(spectrum_of(counts))
    ranks = np.arange(fit.first_rank, fit.last_rank + 1)
    empirical = counts[ranks - 1] - 0.5
    fitted = fit.scale / (ranks + fit.shift) ** fit.exponent
    assert fitted.sum() == pytest.approx(empirical.sum())
    shares = [np.cumsum(part) / part.sum() for part in (empirical, fitted)]
    assert fit.ks == pytest.approx(np.abs(shares[0] - shares[1]).max(), abs=1e-5)
    evenly = np.log((ranks + 1) / ranks)
    spread = np.average((np.log(empirical) - np.average(np.log(empirical), weights=evenly)) ** 2, weights=evenly)
    residual = np.average(np.log(empirical / fitted) ** 2, weights=evenly)
    assert fit.r2 == pytest.approx(1 - residual / spread, abs=1e-5)


def test_goodness_of_fit_is_poor_where_there_is_no_such_law():
    two_levels = np.concatenate([np.arange(100_000, 99_900, -1), np.arange(200, 100, -1)])
    fit = fit_zipf_mandelbrot(spectrum_of(two_levels))
    assert fit.ks > 0.05
    assert fit.r2 < 0.9


def test_fit_of_a_curve_that_bends_more_than_any_law_ends():
    fit = fit_zipf_mandelbrot(spectrum_of(np.rint(1e6 * np.exp(-np.arange(100) / 10)).astype(np.int64)))
    assert all(np.isfinite(value) for value in asdict(fit).values())
    assert fit.shift >= 0


def test_fit_does_not_depend_on_the_order_of_rows():
    spectrum = spectrum_of(sample(1.0, 2.7, 5000, 10**5))
    columns = (spectrum.tf[::-1], spectrum.df[::-1], spectrum.types[::-1])
    assert fit_zipf_mandelbrot(Spectrum(*columns, spectrum.documents)) == fit_zipf_mandelbrot(spectrum)


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param(np.zeros(0, np.int64), id="no terms"),
        pytest.param(np.array([1000]), id="one term"),
        pytest.param(np.arange(2, 11), id="nine terms"),
        pytest.param(np.full(10_000, 50), id="all equally frequent"),
        pytest.param(np.ones(10_000, np.int64), id="all hapaxes"),
        pytest.param(np.repeat([7, 3, 1], [10, 100, 10_000]), id="three frequencies"),
    ],
)
def test_a_vocabulary_that_shows_no_curve_has_no_fit(counts):
    assert fit_zipf_mandelbrot(spectrum_of(counts)) is None


def test_ten_different_frequencies_are_enough_for_a_fit():
    assert fit_zipf_mandelbrot(spectrum_of(np.arange(2, 12))) is not None


# -- Heaps


@given(small_counts)
def test_heaps_curve_is_the_exact_expectation(counts):
    total = int(counts.sum())
    curve = heaps_curve(spectrum_of(counts), points=500)
    expected = [
        sum(1 - Fraction(comb(total - int(tf), n), comb(total, n)) for tf in counts) for n in curve.tokens.tolist()
    ]
    assert curve.types == pytest.approx([float(value) for value in expected], rel=1e-11)
    assert (curve.tokens[-1], curve.types[-1]) == (total, len(counts))


def test_heaps_curve_is_the_mean_over_random_subsamples():
    random = np.random.default_rng(3)
    counts = sample(1.0, 2.7, 300, 1000)
    tokens = np.repeat(np.arange(300), counts)
    curve = heaps_curve(spectrum_of(counts), points=12)
    for n, types in zip(curve.tokens, curve.types, strict=True):
        drawn = [len(np.unique(random.choice(tokens, n, replace=False))) for _ in range(200)]
        # Four standard errors of the mean, and at the ends, where nothing varies, the rounding of a sum.
        assert types == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(200) + 1e-9)


def test_heaps_fit_recovers_the_law_of_a_curve():
    tokens = np.unique(np.geomspace(1, 10**8, 40).astype(np.int64))
    fit = fit_heaps(HeapsCurve(tokens, 3.5 * tokens**0.62))
    assert (fit.k, fit.beta, fit.r2) == (pytest.approx(3.5), pytest.approx(0.62), pytest.approx(1))


def test_heaps_fit_looks_at_the_upper_half_only():
    tokens = np.unique(np.geomspace(1, 10**8, 41).astype(np.int64))
    bent = HeapsCurve(tokens, np.exp(np.log(tokens) - 0.01 * np.log(tokens) ** 2))
    upper = tokens >= 10**4
    slope, _ = np.polyfit(np.log(tokens[upper]), np.log(bent.types[upper]), 1)
    assert fit_heaps(bent).beta == pytest.approx(slope)


def test_heaps_exponent_of_a_zipf_sample_is_near_the_inverse_of_zipfs():
    # beta -> 1 / s for s > 1 and an endless vocabulary; slowly, hence the tolerance.
    fit = fit_heaps(heaps_curve(spectrum_of(sample(1.5, 0, 10**6, 10**6))))
    assert fit.beta == pytest.approx(1 / 1.5, abs=0.02)
    assert fit.r2 > 0.999


@pytest.mark.parametrize("counts", [np.zeros(0, np.int64), np.array([1, 1, 1]), np.array([500])])
def test_a_vocabulary_too_small_or_not_growing_has_no_heaps_fit(counts):
    assert fit_heaps(heaps_curve(spectrum_of(counts))) is None


# -- coverage of random documents


@st.composite
def corpora(draw):
    """Some documents of a few terms, and the terms' weights."""
    documents = draw(st.lists(st.frozensets(st.integers(0, 7)), min_size=1, max_size=7))
    return documents, draw(st.lists(st.integers(0, 2**40), min_size=8, max_size=8))


@given(corpora(), st.integers(0, 9))
def test_expected_random_coverage_is_the_mean_over_all_subsets(corpus, k):
    documents, weights = corpus
    df = Counter(term for document in documents for term in document)
    subsets = list(combinations(documents, min(k, len(documents))))
    covered = sum(weights[term] for subset in subsets for term in frozenset().union(*subset))
    # Terms of equal df and weight are one row.
    rows = Counter((df[term], weights[term]) for term in df)
    columns = np.array([(*row, types) for row, types in rows.items()], np.int64).reshape(-1, 3)
    got = expected_random_coverage(*columns.T, documents=len(documents), k=k)
    assert got == pytest.approx(covered / len(subsets), rel=1e-12)


@pytest.mark.parametrize("df", [1, 3, 40])
@pytest.mark.parametrize("k", [1, 128, 10**6, 10**12 - 39])
def test_expected_random_coverage_keeps_its_digits_in_a_huge_corpus(df, k):
    # Where lnGamma has an error of 0.004.
    documents = 10**12
    missed = Fraction(1)
    for i in range(df):
        missed *= Fraction(max(documents - k - i, 0), documents - i)
    got = expected_random_coverage(np.array([df]), np.array([1.0]), np.array([1]), documents, k)
    assert got == pytest.approx(float(1 - missed), rel=1e-13)


def test_all_documents_cover_everything_even_where_fixed_point_weights_pass_64_bits():
    df, weight, types = np.array([1, 2]), np.array([2**34, 2**30]), np.array([2**31, 1])
    whole = 2.0**65 + 2.0**30
    assert expected_random_coverage(df, weight, types, 5, 5) == whole
    assert expected_random_coverage(df, weight, types, 5, 9) == whole
    assert expected_random_coverage(df, weight, types, 5, 0) == 0


# -- size


def test_a_billion_types_need_no_memory_by_the_type():
    spectrum = billion_types()
    tracemalloc.start()
    fit, curve, ranks = fit_zipf_mandelbrot(spectrum), heaps_curve(spectrum), rank_frequency(spectrum)
    random = expected_random_coverage(spectrum.df, spectrum.df, spectrum.types, spectrum.documents, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20
    assert spectrum.vocabulary_size == 10**9
    assert fit.exponent == pytest.approx(1, abs=0.001)
    assert fit.shift == pytest.approx(2.7, abs=0.01)
    assert curve.types[0] == pytest.approx(1, rel=1e-12)  # one token is of one type, in any corpus
    assert (curve.tokens[-1], curve.types[-1]) == (spectrum.tokens, 10**9)
    assert ranks.rank[-1] == 10**9
    assert random == pytest.approx(float(spectrum.df.astype(float) ** 2 @ spectrum.types) / spectrum.documents)
