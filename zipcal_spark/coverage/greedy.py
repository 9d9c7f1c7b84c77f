"""The greedy over candidates that are all here. NumPy, compiled loops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from zipcal_spark.compiled import compiled
from zipcal_spark.coverage.candidates import Candidates, Id
from zipcal_spark.coverage.picks import Picks


class Greedy:
    """The greedy over candidates, one pick after the other.

    All gains are kept exact: a pick lowers those of the candidates that share its new terms. That costs each pair of
    candidate and term once over all picks, and the best candidate is then the first maximum, because the candidates
    stand in the order of their ties.

    Parameters
    ----------
    candidates : Candidates

    Attributes
    ----------
    candidates : Candidates
    gains : ndarray of int64, shape (n,)
        What each candidate would add now, in units of 2**-30.
    """

    def __init__(self, candidates: Candidates) -> None:
        self.candidates = candidates
        self._owner_offsets, self._owners = transposed(candidates.offsets, candidates.terms, len(candidates.hashes))
        self._taken = np.zeros(len(candidates), bool)
        self.restart()

    def restart(self) -> bool:
        """Start afresh with nothing covered, over the candidates not yet taken; whether any of them gains now."""
        candidates = self.candidates
        self._covered = np.zeros(len(candidates.hashes), bool)
        self.gains = _gains(candidates.offsets, candidates.terms, candidates.weights)
        self.gains[self._taken] = 0
        return bool(self.gains.any())

    def run(self, count: int) -> Iterator[tuple[int, int, np.ndarray]]:
        """Take the best candidates, at most so many, as long as one gains anything.

        Yields
        ------
        int
            Position of a pick among the candidates.
        int
            Its gain, in units of 2**-30.
        ndarray of int64
            Positions, in the candidates' `hashes`, of the terms that were not covered before.
        """
        candidates = self.candidates
        picked, gains, new, bounds = run_greedy(
            count, candidates.offsets, candidates.terms, candidates.weights,
            self._owner_offsets, self._owners, self.gains, self._covered,
        )  # fmt: skip
        self._taken[picked] = True
        for number, (position, gain) in enumerate(zip(picked.tolist(), gains.tolist(), strict=True)):
            yield position, gain, new[bounds[number] : bounds[number + 1]]

    def take(self, position: int) -> np.ndarray:
        """Take a candidate, whatever it gains: cover its terms.

        Parameters
        ----------
        position : int
            Its position among the candidates.

        Returns
        -------
        ndarray of int64
            Positions, in the candidates' `hashes`, of the terms that were not covered before.
        """
        candidates = self.candidates
        new = np.empty(candidates.offsets[position + 1] - candidates.offsets[position], np.int64)
        count = _take(
            position, candidates.offsets, candidates.terms, candidates.weights,
            self._owner_offsets, self._owners, self.gains, self._covered, new, 0,
        )  # fmt: skip
        self._taken[position] = True
        return new[:count]


def transposed(offsets: np.ndarray, terms: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Who has a term: rows of documents over so many terms as rows of terms over documents.

    Returns
    -------
    ndarray of int64, shape (size + 1,)
        Where the documents of each term begin.
    ndarray of int32, shape (nnz,)
        The documents, ascending.
    """
    owner_offsets = np.zeros(size + 1, np.int64)
    np.cumsum(np.bincount(terms, minlength=size), out=owner_offsets[1:])
    return owner_offsets, _owners(offsets, terms, owner_offsets[:-1].copy())


@compiled
def _gains(offsets: np.ndarray, terms: np.ndarray, weights: np.ndarray) -> np.ndarray:
    gains = np.zeros(len(offsets) - 1, np.int64)
    for document in range(len(gains)):
        for entry in range(offsets[document], offsets[document + 1]):
            gains[document] += weights[terms[entry]]
    return gains


@compiled
def _owners(offsets: np.ndarray, terms: np.ndarray, free: np.ndarray) -> np.ndarray:
    owners = np.empty(len(terms), np.int32)
    for owner in range(len(offsets) - 1):
        for entry in range(offsets[owner], offsets[owner + 1]):
            term = terms[entry]
            owners[free[term]] = owner
            free[term] += 1
    return owners


@compiled
def _take(
    position: int, offsets: np.ndarray, terms: np.ndarray, weights: np.ndarray,
    owner_offsets: np.ndarray, owners: np.ndarray, gains: np.ndarray, covered: np.ndarray, new: np.ndarray, count: int,
) -> int:  # fmt: skip
    """Cover a candidate's terms; note those that were not covered in `new` from `count` on; the new count."""
    for entry in range(offsets[position], offsets[position + 1]):
        term = terms[entry]
        if not covered[term]:
            covered[term] = True
            new[count] = term
            count += 1
            for place in range(owner_offsets[term], owner_offsets[term + 1]):
                gains[owners[place]] -= weights[term]
    gains[position] = 0
    return count


@compiled
def run_greedy(
    count: int, offsets: np.ndarray, terms: np.ndarray, weights: np.ndarray,
    owner_offsets: np.ndarray, owners: np.ndarray, gains: np.ndarray, covered: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """See `Greedy.run`; the picks' positions, their gains, and their new terms with bounds."""
    count = min(count, len(gains))
    picked, picked_gains, bounds = np.empty(count, np.int64), np.empty(count, np.int64), np.zeros(count + 1, np.int64)
    new = np.empty(len(weights), np.int64)
    picks = 0
    while picks < count:
        position = int(np.argmax(gains))
        if gains[position] <= 0:  # below 0 where one taken in an earlier layer shares terms with later picks
            break
        picked[picks], picked_gains[picks] = position, gains[position]
        bounds[picks + 1] = _take(
            position, offsets, terms, weights, owner_offsets, owners, gains, covered, new, bounds[picks]
        )
        picks += 1
    return picked[:picks], picked_gains[:picks], new[: bounds[picks]], bounds[: picks + 1]


def pick(greedy: Greedy, count: int, picks: Picks) -> None:
    """Pick at most so many documents in the present layer, as long as one gains anything."""
    for position, gain, new in greedy.run(count):
        picks.add(greedy.candidates, position, gain, greedy.candidates.hashes[new])


def pick_further_layers(greedy: Greedy, k: int, picks: Picks) -> None:
    """Pick in the layers after the present one, where the candidates are all documents with all their terms."""
    while len(picks) < k and greedy.restart():
        picks.layer += 1
        pick(greedy, k - len(picks), picks)


def greedy_over(rows: pa.Table, k: int) -> Picks:
    """The greedy over documents that are all here, layer after layer; fewer than k only if nothing else gains.

    Parameters
    ----------
    rows : pyarrow.Table of `candidate_schema`
        With all terms of the documents.
    k : int
    """
    picks = Picks(rounds=1)
    greedy = Greedy(Candidates.from_rows(rows))
    pick(greedy, k, picks)
    pick_further_layers(greedy, k, picks)
    return picks


def in_order(rows: pa.Table, ids: list[Id]) -> Picks:
    """Documents taken in a given order, whatever they gain: what the other strategies' selections bring.

    Parameters
    ----------
    rows : pyarrow.Table of `candidate_schema`
        With all terms of the documents.
    ids : list
        The documents, in the order of their picks.
    """
    picks = Picks(rounds=1)
    greedy = Greedy(Candidates.from_rows(rows))
    position_of = {id_: position for position, id_ in enumerate(greedy.candidates.ids.to_pylist())}
    for position in (position_of[id_] for id_ in ids):
        gain = int(greedy.gains[position])
        picks.add(greedy.candidates, position, gain, greedy.candidates.hashes[greedy.take(position)])
    return picks
