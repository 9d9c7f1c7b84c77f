"""The laws of a vocabulary, all from its spectrum: Zipf-Mandelbrot, Heaps, and what a random draw covers.

The spectrum says how many terms have which frequencies; nothing here is ever as long as the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Below 10 a count is mostly noise (1 / sqrt(10) is a third), and sorting by it bends the curve. Where that
# leaves few ranks, the error of so short a fit is the larger one, and lower frequencies are let in.
_PREFERRED_FREQUENCIES, _LOWEST_FREQUENCY = (10, 5), 2
_ENOUGH_RANKS = 1000
# Terms of equal frequency are one point of the curve: fewer points do not show a law of three parameters.
_FEWEST_FREQUENCIES = 10
# So many leave single ranks up to about 1000 in any vocabulary that there is, and bins of about 0.1 % behind.
_BINS = 1 << 14
# Sorting by sampled counts lifts the curve. With counts Poisson about the law C / (r + q)^s, the expected
# number of terms with x or more is C^(1/s) Gamma(x - 1/s) / Gamma(x) - q: every rank stands about 1 / (2s)
# above the law. Half a token stands for it, as s is near 1; without it s comes out lower by up to 0.01.
_LIFT = 0.5


@dataclass(frozen=True, eq=False)
class Spectrum:
    """How many terms have which frequencies; rows in any order.

    Attributes
    ----------
    tf, df : ndarray of int64, shape (m,)
        Term frequency in tokens, and document frequency in documents; both at least 1.
    types : ndarray of int64, shape (m,)
        How many terms have this very `tf` and `df`.
    documents : int
        Number of documents, N.
    """

    tf: Ints
    df: Ints
    types: Ints
    documents: int

    @property
    def tokens(self) -> int:
        """Length of the corpus in tokens, T."""
        return int(self.tf @ self.types)

    @property
    def vocabulary_size(self) -> int:
        """Number of distinct terms, V."""
        return int(self.types.sum())

    @property
    def hapaxes(self) -> int:
        """Number of terms that occur once."""
        return int(self.types[self.tf == 1].sum())


class RankFrequency(NamedTuple):
    """The rank-frequency curve: ranks from 1 up, frequencies in tokens; int64, shape (p,)."""

    rank: Ints
    frequency: Ints


class HeapsCurve(NamedTuple):
    """The growth of the vocabulary: so many tokens (int64) have so many types (float64); shape (p,)."""

    tokens: Ints
    types: Floats


@dataclass(frozen=True)
class ZipfMandelbrot:
    """The law that the term of rank r occurs scale / (r + shift)^exponent times.

    Attributes
    ----------
    exponent, shift, scale : float
        s; q, at least 0, in ranks; C, in tokens.
    first_rank, last_rank : int
        The ranks that the fit used, both included.
    min_frequency : int
        The smallest frequency among these, in tokens.
    ks : float
        Kolmogorov-Smirnov distance: the largest difference of cumulative shares of these ranks' tokens.
    r2 : float
        Of the logarithm of the frequency, evenly over that of the rank; below 0 is worse than a constant.
    """

    exponent: float
    shift: float
    scale: float
    first_rank: int
    last_rank: int
    min_frequency: int
    ks: float
    r2: float


@dataclass(frozen=True)
class Heaps:
    """The law that n tokens have k * n^beta distinct terms; `r2` is that of the logarithms."""

    k: float
    beta: float
    r2: float


def rank_frequency(spectrum: Spectrum, points: int = 200) -> RankFrequency:
    """Frequency by rank (Zipf 1949); the most frequent term has rank 1.

    Parameters
    ----------
    spectrum : Spectrum
    points : int
        At most so many ranks, the first and the last among them, evenly over their logarithm.

    Returns
    -------
    RankFrequency
        Exact. Empty for an empty vocabulary.
    """
    tf, types = by_frequency(spectrum)
    ranks = _log_spaced(spectrum.vocabulary_size, points)
    return RankFrequency(ranks, tf[np.searchsorted(np.cumsum(types), ranks)])


def fit_zipf_mandelbrot(spectrum: Spectrum) -> ZipfMandelbrot | None:
    """Fit f(r) = C / (r + q)^s (Mandelbrot 1953; Zipf 1949 has q = 0) by maximum likelihood.

    The tokens of the ranks 1..R, those with a usable frequency, are multinomial: one is of rank r with the
    probability (r + q)^-s / sum_{i <= R} (i + q)^-s. Ranks are put in bins evenly wide in the logarithm, by
    the midpoint rule; so the cost does not depend on the size of the vocabulary.

    Parameters
    ----------
    spectrum : Spectrum

    Returns
    -------
    ZipfMandelbrot or None
        None where fewer than 10 different frequencies are usable: too few terms, or all alike. `ks` and `r2`
        are over the bins, with half a token less a rank, as in the fit: what sorting by sampled counts adds.
    """
    tf, types = _usable(*by_frequency(spectrum))
    if len(tf) < _FEWEST_FREQUENCIES:
        return None
    last = int(types.sum())
    edges = _log_spaced(last + 1, _BINS)
    width = np.diff(edges)
    middle = edges[:-1] + (width - 1) / 2
    tokens = np.diff(np.interp(edges - 1, _cumulated(types), _cumulated(tf * types))) - _LIFT * width
    exponent, shift = _most_likely(tokens / tokens.sum(), middle, width, largest_shift=last)
    law = (middle + shift) ** -exponent
    scale = tokens.sum() / (law @ width)
    evenly = np.diff(np.log(edges)) / np.log(last + 1)
    observed, expected = np.log(tokens / width), np.log(scale * law)
    return ZipfMandelbrot(
        exponent=exponent,
        shift=shift,
        scale=float(scale),
        first_rank=1,
        last_rank=last,
        min_frequency=int(tf[-1]),
        ks=float(np.abs(np.cumsum(tokens - scale * law * width)).max() / tokens.sum()),
        r2=float(1 - evenly @ (observed - expected) ** 2 / (evenly @ (observed - evenly @ observed) ** 2)),
    )


def heaps_curve(spectrum: Spectrum, points: int = 40) -> HeapsCurve:
    """Expected number of distinct terms among n random tokens: V(n) = sum_t 1 - C(T - tf_t, n) / C(T, n).

    That is hypergeometric rarefaction (Hurlbert 1971): tokens are drawn without replacement.

    Parameters
    ----------
    spectrum : Spectrum
    points : int
        At most so many n, from 1 to T, evenly over their logarithm.

    Returns
    -------
    HeapsCurve
        Ends with exactly T tokens and V types. Empty for an empty vocabulary.
    """
    tf, types = by_frequency(spectrum)
    tokens = _log_spaced(spectrum.tokens, points)
    # One n at a time, so that memory is that of a few rows of different frequencies.
    return HeapsCurve(tokens, np.array([types @ _chance_of_any(spectrum.tokens, tf, int(n)) for n in tokens]))


def fit_heaps(curve: HeapsCurve) -> Heaps | None:
    """Fit V(n) = k * n^beta (Heaps 1978) from sqrt(T) tokens on: before, most tokens are new by any law.

    Least squares of the logarithms will do, as the curve is an expectation, without noise.

    Parameters
    ----------
    curve : HeapsCurve

    Returns
    -------
    Heaps or None
        None where fewer than 3 points are left, or nothing grows.
    """
    upper = curve.tokens**2.0 >= curve.tokens.max(initial=0)
    x, y = np.log(curve.tokens[upper]), np.log(curve.types[upper])
    if len(x) < 3 or np.ptp(y) == 0:
        return None
    beta, intercept = np.polyfit(x, y, 1)
    return Heaps(k=float(np.exp(intercept)), beta=float(beta), r2=float(np.corrcoef(x, y)[0, 1] ** 2))


def expected_random_coverage(df: Ints, weight: Ints | Floats, types: Ints, documents: int, k: int) -> float:
    """Mean coverage of k random documents: sum_t w_t (1 - C(N - df_t, k) / C(N, k)), as in `heaps_curve`.

    Parameters
    ----------
    df : ndarray of int64, shape (m,)
        Document frequency, at most N.
    weight : ndarray of int64 or float64, shape (m,)
        What covering one such term is worth.
    types : ndarray of int64, shape (m,)
        How many such terms there are.
    documents : int
        Number of documents, N.
    k : int
        How many are drawn without replacement, at least 0; from N on all of them.

    Returns
    -------
    float
        In the unit of `weight`.
    """
    # In floats: fixed-point weights times types can pass 2^63.
    return float((weight.astype(np.float64) * types) @ _chance_of_any(documents, df, min(k, documents)))


def by_frequency(spectrum: Spectrum) -> tuple[Ints, Ints]:
    """The different term frequencies, falling, and the number of types of each."""
    tf, row = np.unique(spectrum.tf, return_inverse=True)
    types = np.zeros(len(tf), np.int64)
    np.add.at(types, row, spectrum.types)
    return tf[::-1], types[::-1]


def _usable(tf: Ints, types: Ints) -> tuple[Ints, Ints]:
    """The rows of `by_frequency` that a fit can use."""
    enough = (low for low in _PREFERRED_FREQUENCIES if types[tf >= low].sum() >= _ENOUGH_RANKS)
    usable = tf >= next(enough, _LOWEST_FREQUENCY)
    return tf[usable], types[usable]


def _most_likely(share: Floats, middle: Floats, width: Ints, largest_shift: int) -> tuple[float, float]:
    """Exponent and shift of the law that makes these shares of tokens by bin, shape (b,), the most likely."""
    from scipy.optimize import minimize  # here: Spark's workers import this module, and never fit

    def loss(parameters: Floats) -> tuple[float, Floats]:  # -log likelihood of a token, and its gradient
        exponent, log_shift = parameters
        rank = middle + np.expm1(log_shift)
        law = width * rank**-exponent
        excess = share - law / law.sum()
        gradient = excess @ np.log(rank), exponent * (excess @ (1 / rank)) * np.exp(log_shift)
        return exponent * (share @ np.log(rank)) + np.log(law.sum()), np.array(gradient)

    # log(1 + q) is of the size of s, as the optimiser likes it. A curve that bends more than any power law is
    # fitted at the bounds.
    bounds = [(0.0, 10.0), (0.0, float(np.log1p(largest_shift)))]
    best = minimize(
        loss, np.ones(2), jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-15, "gtol": 1e-10}
    )
    return float(best.x[0]), float(np.expm1(best.x[1]))


def _chance_of_any(population: int, marked: Ints, drawn: int) -> Floats:
    """1 - C(T - f, n) / C(T, n): the chance that n of T, drawn without replacement, have one of f marked.

    The logarithm of the quotient is lnG(x - f) + lnG(x - n) - lnG(x - f - n) - lnG(x), with x = T + 1: huge
    numbers, whose difference leaves no correct digit of a small chance. By Stirling's formula the large parts
    cancel on paper, and small ones are left.
    """
    x, f, n = float(population + 1), marked.astype(np.float64), float(drawn)
    rest = np.maximum(x - f - n, 1)
    main = (x - 0.5) * np.log1p(f * n / (x * rest)) - f * np.log1p(n / rest) - n * np.log1p(f / rest)
    small = _remainder(x - f) + _remainder(x - n) - _remainder(rest) - _remainder(x)
    return np.where(f + n > population, 1.0, -np.expm1(main + small))


def _remainder(x: Floats | float) -> Floats:
    """What Stirling's formula lacks of lnG(x): its series where that has all digits, else the difference."""
    from scipy.special import gammaln

    stirling = (x - 0.5) * np.log(x) - x + 0.5 * np.log(2 * np.pi)
    series = 1 / (12 * x) - 1 / (360 * x**3) + 1 / (1260 * x**5)
    return np.where(np.less(x, 32), gammaln(x) - stirling, series)


def _cumulated(values: Ints) -> Ints:
    """0 and the running sums."""
    return np.concatenate([[0], np.cumsum(values)])


def _log_spaced(last: int, points: int) -> Ints:
    """At most so many integers from 1 to `last`, both among them, evenly over their logarithm, none twice."""
    if last < 1:
        return np.zeros(0, np.int64)
    return np.unique(np.rint(np.geomspace(1, last, points)).astype(np.int64))
