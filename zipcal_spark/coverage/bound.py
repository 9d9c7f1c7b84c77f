"""How good a selection is, proven: upper bounds on what any k documents cover."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


class Bound:
    """The smallest upper bound seen so far on what any k documents cover.

    Any prices 0 <= p_w <= v_w of terms, v the weights, give one: no k documents cover more than sum_w (v_w - p_w) plus
    the k largest of sum_{w in d} p_w.

    Proof: a set O of k documents covers f(O) = sum_{w in O} v_w <= sum_{w in O} (v_w - p_w) + sum_{w in O} p_w. The
    first sum is at most that over all terms, as no v_w - p_w is negative. In the second each term of O is counted
    once; counted once for each document of O that has it, it is the sum over O of the documents' priced sums, and O
    has k documents. (These are the feasible points of the dual of the linear programme of maximum coverage.)

    Prices v_w on what a set S leaves uncovered, and 0 on the rest, give f(S) + the k largest gains given S: the prefix
    bound (Nemhauser, Wolsey, Fisher 1978), free with every round. Prices from the dual of the programme itself
    (`programme.dual_prices`) give a tight one.

    Parameters
    ----------
    k : int
    total : int
        The weight of the whole vocabulary, in units of 2**-30: itself a bound.

    Attributes
    ----------
    upper : int
        No k documents cover more, in units of 2**-30.
    name : str
        What kind of prices gave it: 'prefix' or 'lp'.
    """

    def __init__(self, k: int, total: int) -> None:
        self._k = k
        self.upper = total
        self.name = "prefix"

    def tighten(self, rest: int, sums: np.ndarray, counts: np.ndarray | None = None, name: str = "prefix") -> None:
        """Take in one more choice of prices.

        Parameters
        ----------
        rest : int
            sum_w (v_w - p_w); for a set S, f(S).
        sums : ndarray of int64, shape (n,)
            The largest priced sums of documents, or bounds on them; for a set S, their gains.
        counts : ndarray of int64, shape (n,), optional
            How many documents have each; 1 where it is not given.
        name : str
            The kind of prices.
        """
        order = np.argsort(-sums, kind="stable")
        values = sums[order]
        many = np.ones(len(sums), np.int64) if counts is None else np.minimum(counts[order], self._k)
        taken = np.diff(np.minimum(np.cumsum(many), self._k), prepend=0)
        # In two halves: k large gains can exceed 64 bits.
        high, low = int(np.dot(values >> 31, taken)), int(np.dot(values & (2**31 - 1), taken))
        upper = rest + (high << 31) + low
        if upper < self.upper:
            self.upper, self.name = upper, name


def certified_fraction(coverage: int, upper: int) -> float:
    """The largest double that is not above coverage / upper; 1.0 where nothing can be covered."""
    if coverage >= upper:
        return 1.0
    exact = Fraction(coverage, upper)
    fraction = float(exact)
    return fraction if Fraction(fraction) <= exact else math.nextafter(fraction, 0.0)
