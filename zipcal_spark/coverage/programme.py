"""The linear programme of maximum coverage over some documents: whom to take, what terms are worth. NumPy, SciPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zipcal_spark.coverage.candidates import Candidates


@dataclass(frozen=True)
class Solution:
    """What the programme gives.

    Attributes
    ----------
    prices : ndarray of int64, shape (v,)
        Of the candidates' terms: 0 <= p_w <= v_w, in units of 2**-30.
    share : ndarray of float64, shape (n,)
        How much of each candidate is taken, 0 .. 1.
    """

    prices: np.ndarray
    share: np.ndarray


def solve(candidates: Candidates, k: int, seconds: float) -> Solution | None:
    """Solve the programme over the candidates.

    Maximise sum_w v_w y_w subject to y_w <= sum of x_d over the documents d that have w, sum_d x_d <= k, and x, y in
    [0, 1]: the relaxation of maximum coverage (Feige 1998). The dual value of a term's row is its price. A term of one
    document needs no row: it is worth v_w to that document alone, and v_w is its price. Interior point (HiGHS).

    Parameters
    ----------
    candidates : Candidates
        With all their terms.
    k : int
    seconds : float
        What the solver may take at most, of wall time.

    Returns
    -------
    Solution, or None
        None where the solver fails or is stopped.
    """
    from scipy import optimize  # here: Spark's workers import this package, and never solve
    from scipy.sparse import csr_array

    weights = candidates.weights
    owners = np.repeat(np.arange(len(candidates)), np.diff(candidates.offsets))
    by_name = np.argsort(candidates.hashes)  # rows in an order that no partitioning changes
    shared = by_name[np.bincount(candidates.terms, minlength=len(weights))[by_name] > 1]
    if len(shared) == 0:
        best = np.zeros(len(candidates))
        best[np.argsort(-candidates.own, kind="stable")[:k]] = 1
        return Solution(weights.copy(), best)
    row_of = np.full(len(weights), -1)
    row_of[shared] = np.arange(len(shared))
    rows = row_of[candidates.terms]
    n, m, scale = len(candidates), len(shared), float(weights.max())
    alone = np.zeros(n, np.int64)
    np.add.at(alone, owners[rows < 0], weights[candidates.terms[rows < 0]])
    entries = np.flatnonzero(rows >= 0)
    data = np.concatenate([np.full(len(entries), -1.0), np.ones(m), np.ones(n)])
    at = np.concatenate([rows[entries], np.arange(m), np.full(n, m)])
    column = np.concatenate([owners[entries], n + np.arange(m), np.arange(n)])
    rows_of_terms = csr_array((data, (at, column)), shape=(m + 1, n + m))
    rows_of_terms.sort_indices()
    linprog: Any = optimize.linprog
    try:
        found = linprog(
            -np.concatenate([alone, weights[shared]]) / scale,
            A_ub=rows_of_terms,
            b_ub=np.append(np.zeros(m), float(k)),
            bounds=(0, 1),
            method="highs-ipm",
            options={"time_limit": seconds},
        )
        solved = -np.asarray(found.ineqlin.marginals[:m], np.float64) * scale
    except Exception:  # any prices are valid, and none at all are: the run goes on with the bound that it has
        return None
    if found.status != 0 or solved.shape != (m,) or not np.isfinite(solved).all():
        return None
    prices = weights.copy()
    prices[shared] = np.clip(np.rint(solved), 0, weights[shared]).astype(np.int64)
    return Solution(prices, np.asarray(found.x[:n], np.float64))
