"""How good a selection is, proven: upper bounds on what any k documents cover."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np


class PrefixBound:
    """The prefix bound: no k documents cover more than f(S) + the k largest gains given S, for every S.

    Proof: for an optimal set O, f(O) <= f(S + O) <= f(S) + sum of the gains of O given S, by monotonicity and
    submodularity, and O has k documents (Nemhauser, Wolsey, Fisher 1978; the dual of the design with prices v_w on
    what is uncovered). Every call of `tighten` may give another S; the smallest bound stands.

    Parameters
    ----------
    k : int
    total : int
        The weight of the whole vocabulary, in units of 2**-30: itself a bound.

    Attributes
    ----------
    upper : int
        No k documents cover more, in units of 2**-30.
    """

    name = "prefix"

    def __init__(self, k: int, total: int) -> None:
        self._k = k
        self.upper = total

    def tighten(self, coverage: int, gains: np.ndarray, kept_back: Iterable[tuple[int, int]]) -> None:
        """Take in one more set S.

        Parameters
        ----------
        coverage : int
            f(S).
        gains : ndarray of int64
            Gains given S of some documents.
        kept_back : iterable of (int, int)
            For all others: a bound on their gains, and how many they are.
        """
        others = list(kept_back)
        k = min(self._k, len(gains))
        largest = np.partition(gains, len(gains) - k)[len(gains) - k :]
        values = np.concatenate([largest, np.array([gain for gain, _ in others], np.int64)])
        counts = np.concatenate([np.ones(k, np.int64), np.array([count for _, count in others], np.int64)])
        order = np.argsort(-values, kind="stable")
        values, counts = values[order], np.minimum(counts[order], self._k)
        taken = np.diff(np.minimum(np.cumsum(counts), self._k), prepend=0)
        # In two halves: k large gains can exceed 64 bits.
        high, low = int(np.dot(values >> 31, taken)), int(np.dot(values & (2**31 - 1), taken))
        self.upper = min(self.upper, coverage + (high << 31) + low)


def certified_fraction(coverage: int, upper: int) -> float:
    """The largest double that is not above coverage / upper; 1.0 where nothing can be covered."""
    if coverage >= upper:
        return 1.0
    exact = Fraction(coverage, upper)
    fraction = float(exact)
    return fraction if Fraction(fraction) <= exact else math.nextafter(fraction, 0.0)
