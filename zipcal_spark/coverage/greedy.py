"""Global: the greedy over the candidates, and the proof that each pick is the sequential greedy's. NumPy only."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from zipcal_spark.compiled import compiled
from zipcal_spark.coverage.candidates import Candidates, Id, Key
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
        # Who has a term: the transposed rows.
        self._owner_offsets = np.zeros(len(candidates.hashes) + 1, np.int64)
        np.cumsum(np.bincount(candidates.terms, minlength=len(candidates.hashes)), out=self._owner_offsets[1:])
        self._owners = _transposed(candidates.offsets, candidates.terms, self._owner_offsets)
        self._taken = np.zeros(len(candidates), bool)
        self.restart()

    def restart(self) -> bool:
        """Start afresh with nothing covered, over the candidates not yet taken; whether any of them gains now."""
        candidates = self.candidates
        self._covered = np.zeros(len(candidates.hashes), bool)
        sums = np.zeros(len(candidates.terms) + 1, np.int64)
        np.cumsum(candidates.weights[candidates.terms], out=sums[1:])
        self.gains = sums[candidates.offsets[1:]] - sums[candidates.offsets[:-1]]
        self.gains[self._taken] = 0
        return bool(self.gains.any())

    def best(self, bound: Key | None) -> int | None:
        """The next pick, proven: the best candidate, if it gains anything and beats `bound`.

        Parameters
        ----------
        bound : Key or None
            The best key of any document that is no candidate; None where there is none.

        Returns
        -------
        int or None
            Its position among the candidates; None where nothing gains, or the proof fails.
        """
        if len(self.gains) == 0:
            return None
        position = int(np.argmax(self.gains))
        gain = int(self.gains[position])
        if gain <= 0:  # below 0 where a document taken in an earlier layer shares terms with later picks
            return None
        key = Key(gain, int(self.candidates.own[position]), self.candidates.ids[position].as_py())
        return position if bound is None or key.beats(bound) else None

    def take(self, position: int) -> np.ndarray:
        """Take a candidate: cover its terms.

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
        terms = candidates.terms[candidates.offsets[position] : candidates.offsets[position + 1]]
        new: np.ndarray = terms[~self._covered[terms]]
        self._covered[new] = True
        self._taken[position] = True
        starts, counts = self._owner_offsets[new], np.diff(self._owner_offsets)[new]
        before = np.cumsum(counts) - counts
        owners = self._owners[np.repeat(starts - before, counts) + np.arange(counts.sum())]
        np.subtract.at(self.gains, owners, np.repeat(candidates.weights[new], counts))
        self.gains[position] = 0
        return new


@compiled
def _transposed(offsets: np.ndarray, terms: np.ndarray, owner_offsets: np.ndarray) -> np.ndarray:
    """Candidates that have each term, ascending: term t has those from owner_offsets[t] on; int64, shape (nnz,)."""
    owners, free = np.empty(len(terms), np.int64), owner_offsets.copy()
    for owner in range(len(offsets) - 1):
        for entry in range(offsets[owner], offsets[owner + 1]):
            term = terms[entry]
            owners[free[term]] = owner
            free[term] += 1
    return owners


def pick_proven(greedy: Greedy, bound: Key | None, k: int, picks: Picks) -> bool:
    """Pick in the present layer until there are k picks, or no next pick is proven.

    Returns
    -------
    bool
        Whether there may be a next pick: documents were picked, and the last that was looked for was proven.
    """
    before = len(picks)
    while len(picks) < k:
        position = greedy.best(bound)
        if position is None:
            return False
        gain = int(greedy.gains[position])
        picks.add(greedy.candidates, position, gain, greedy.candidates.hashes[greedy.take(position)])
    return len(picks) > before


def pick_further_layers(greedy: Greedy, k: int, picks: Picks) -> None:
    """Pick in the layers after the present one, where the candidates are all documents with all their terms."""
    while len(picks) < k and greedy.restart():
        picks.layer += 1
        pick_proven(greedy, None, k, picks)


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
    pick_proven(greedy, None, k, picks)
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
