"""A selection better than the greedy's: the programme's solution rounded, filled up, and swapped. NumPy and Arrow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.candidates import Candidates, new_rows
from zipcal_spark.coverage.certificate import OnRound, Priced, columns_at_first, generate_columns
from zipcal_spark.coverage.greedy import Greedy, greedy_over
from zipcal_spark.coverage.picks import Picks

_THRESHOLDS = (0.5, 0.7, 0.9)
_PROGRAMMES, _SECONDS = 4, 120.0
# A backstop: each further round of swaps brings less.
_SWAP_ROUNDS = 8


def improve(documents: Priced, greedy: Picks, k: int, bound: Bound, on_round: OnRound) -> Picks:
    """A selection at least as good as the greedy's.

    The programme over ever more documents (`generate_columns`) is solved, rounded and filled up; these selections, and
    the greedy's own, are improved by swaps among the programme's documents; the best of them is improved by swaps for
    documents of the whole corpus, which come by rounds. All by total orders: the same on any partitioning.

    Parameters
    ----------
    documents : Priced
    greedy : Picks
        Of k documents.
    k : int
    bound : Bound
        Tightened by the programmes' prices.
    on_round : callable
        Told of the rounds so far after each.

    Returns
    -------
    Picks
        In the order in which the greedy takes them.
    """
    columns = generate_columns(documents, greedy, k, bound, _PROGRAMMES, _SECONDS, on_round)
    pool, rows, rounds = Candidates.from_rows(columns.rows), columns.rows, columns.rounds
    starts = [_positions(pool, pa.array(greedy.ids, rows.schema.field("id").type))]
    if columns.candidates is not None and columns.share is not None:
        for threshold in _THRESHOLDS:
            chosen = round_up(columns.candidates, columns.share, k, threshold)
            starts.append(_positions(pool, columns.candidates.ids.take(pa.array(chosen))))
    chosen = max((swap(pool, start) for start in starts), key=lambda found: coverage_of(pool, found))
    for _ in range(_SWAP_ROUNDS):
        ids = pool.ids.take(pa.array(chosen))
        rows = rows.filter(pc.is_in(rows["id"], value_set=ids))
        before = coverage_of(pool, chosen)
        coming = documents.best_priced(*swap_prices(rows), columns_at_first(k))
        rounds += 1
        on_round(rounds)
        rows = pa.concat_tables([rows, new_rows(coming, rows)])
        pool = Candidates.from_rows(rows)
        chosen = swap(pool, _positions(pool, ids))
        if coverage_of(pool, chosen) == before:
            break
    if coverage_of(pool, chosen) <= greedy.coverage:
        return replace(greedy, rounds=greedy.rounds + rounds)
    ids = pool.ids.take(pa.array(chosen))
    return replace(greedy_over(rows.filter(pc.is_in(rows["id"], value_set=ids)), k), rounds=greedy.rounds + rounds)


def _positions(candidates: Candidates, ids: pa.Array) -> np.ndarray:
    """Where documents stand among candidates, ascending."""
    return np.flatnonzero(pc.is_in(candidates.ids, value_set=ids).to_numpy(zero_copy_only=False))


def round_up(candidates: Candidates, share: np.ndarray, k: int, threshold: float) -> np.ndarray:
    """The documents that the programme's solution takes by at least `threshold`, and a greedy fill up to k.

    Parameters
    ----------
    candidates : Candidates
        At least k, with all their terms.
    share : ndarray of float64, shape (n,)
        How much of each document the solution takes, 0 .. 1.
    k : int
    threshold : float

    Returns
    -------
    ndarray of int64, shape (k,), ascending
        Positions of the selected candidates.
    """
    chosen = np.flatnonzero(share >= threshold)
    chosen = np.sort(chosen[np.argsort(-share[chosen], kind="stable")][:k])
    return _fill(candidates, chosen, k)


def _fill(candidates: Candidates, chosen: np.ndarray, k: int) -> np.ndarray:
    """Greedily add candidates up to k."""
    greedy = Greedy(candidates)
    for position in chosen:
        greedy.take(int(position))
    taken = np.zeros(len(candidates), bool)
    taken[chosen] = True
    for _ in range(k - len(chosen)):
        best = int(np.argmax(np.where(taken, -1, greedy.gains)))
        taken[best] = True
        greedy.take(best)
    return np.flatnonzero(taken)


def swap(candidates: Candidates, chosen: np.ndarray) -> np.ndarray:
    """Swap one document for another, always the best such swap, until none brings anything (local search).

    Swapping d for c changes what is covered by gain(c) + shared(c, d) - loss(d), where loss is the weight of what only
    d covers, and shared the part of that which c covers, too. Every swap covers more, so there is an end.

    Parameters
    ----------
    candidates : Candidates
    chosen : ndarray of int64, shape (k,)
        Positions of the selected ones.

    Returns
    -------
    ndarray of int64, shape (k,), ascending
    """
    owner_of_entry = np.repeat(np.arange(len(candidates)), np.diff(candidates.offsets))
    weight_of_entry = candidates.weights[candidates.terms]
    is_chosen = np.zeros(len(candidates), bool)
    is_chosen[chosen] = True
    while True:
        entry_chosen = is_chosen[owner_of_entry]
        times = np.bincount(candidates.terms[entry_chosen], minlength=len(candidates.hashes))
        only = np.zeros(len(candidates.hashes), np.int64)  # who alone covers a term that one document covers
        only[candidates.terms[entry_chosen]] = owner_of_entry[entry_chosen]
        of_entry = times[candidates.terms]
        gain = _sum_by(owner_of_entry, weight_of_entry, of_entry == 0, len(candidates))
        loss = _sum_by(owner_of_entry, weight_of_entry, entry_chosen & (of_entry == 1), len(candidates))
        # Pairs (c, d) that share something, and each c with the d of the smallest loss.
        shared = ~entry_chosen & (of_entry == 1)
        pairs, code = np.unique(
            owner_of_entry[shared] * len(candidates) + only[candidates.terms[shared]], return_inverse=True
        )
        shares = _sum_by(code, weight_of_entry[shared], np.ones(len(code), bool), len(pairs))
        outsiders, insiders = np.flatnonzero(~is_chosen), np.flatnonzero(is_chosen)
        if len(outsiders) == 0:
            return insiders
        cheapest = insiders[np.argmin(loss[insiders])]
        coming = np.concatenate([pairs // len(candidates), outsiders])
        going = np.concatenate([pairs % len(candidates), np.full(len(outsiders), cheapest)])
        change = gain[coming] + np.concatenate([shares, np.zeros(len(outsiders), np.int64)]) - loss[going]
        best = np.lexsort((going, coming, -change))[0]
        if change[best] <= 0:
            return insiders
        is_chosen[coming[best]], is_chosen[going[best]] = True, False


def _sum_by(code: np.ndarray, values: np.ndarray, which: np.ndarray, length: int) -> np.ndarray:
    """Exact sums of int64 by code."""
    sums = np.zeros(length, np.int64)
    np.add.at(sums, code[which], values[which])
    return sums


def coverage_of(candidates: Candidates, chosen: np.ndarray) -> int:
    """f of some candidates, in units of 2**-30."""
    is_chosen = np.zeros(len(candidates), bool)
    is_chosen[chosen] = True
    covered = np.unique(candidates.terms[np.repeat(is_chosen, np.diff(candidates.offsets))])
    return int(candidates.weights[covered].sum())


def swap_prices(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Prices by which a round finds the documents that a swap may bring in.

    A swap for document c brings at most the weight of c's terms that no document, or only one, covers now.

    Parameters
    ----------
    rows : pyarrow.Table of `candidate_schema`
        The selected documents, with all their terms.

    Returns
    -------
    names, prices : ndarray of int64
        The terms that are covered, and 0 for those that at least two documents cover, else their weight.
    """
    candidates = Candidates.from_rows(rows)
    times = np.bincount(candidates.terms, minlength=len(candidates.hashes))
    return candidates.hashes, np.where(times > 1, 0, candidates.weights)
