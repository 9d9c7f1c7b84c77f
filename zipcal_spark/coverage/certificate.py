"""How close a selection is to the best there is: the programme's prices over the whole corpus, by column generation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.candidates import Candidates, Id, new_rows
from zipcal_spark.coverage.picks import Picks
from zipcal_spark.coverage.programme import solve

# Columns to begin with: so many a document to select, and at least so many.
_COLUMNS_A_PICK, _FEWEST_COLUMNS = 2, 1000
# `auto`: programmes of more entries (pairs of a document and a term) than these would cost more than about a fifth of a
# run: two solves of 77,000 entries over English text take some 3 s, of 20 s and more.
_ENTRIES = 100_000
# A backstop for `auto`, and for a number of programmes.
_AUTO_SECONDS, _SECONDS = 10.0, 600.0
_AUTO_ROUNDS = 2
# Fewer new columns than this share of those that are there do not pay for another solve.
_NEW_COLUMNS = 0.03


OnRound = Callable[[int], None]


class Priced(Protocol):
    """The documents of a corpus, to be priced."""

    def fetch(self, ids: list[Id]) -> pa.Table:
        """Rows of `candidate_schema` of these documents, with all their terms."""

    def best_priced(self, names: np.ndarray, prices: np.ndarray, limit: int) -> pa.Table:
        """Rows of the `limit` documents of the largest priced sums, see `pricing.best_priced`."""


def certify(
    documents: Priced,
    picks: Picks,
    k: int,
    bound: Bound,
    certify: str,
    corpus_size: int,
    on_round: OnRound = lambda rounds: None,
) -> int:
    """Tighten the bound by the linear programme's prices, see `generate_columns`.

    Parameters
    ----------
    documents : Priced
    picks : Picks
        Of k documents.
    k : int
    bound : Bound
    certify : str
        'auto', 'off', or how many programmes to solve at most; see `config.SelectionParameters`.
    corpus_size : int
        How many documents the corpus has.
    on_round : callable
        Told of the rounds so far after each.

    Returns
    -------
    int
        How many rounds it took.
    """
    if certify == "off" or picks.coverage >= bound.upper or picks.coverage == 0:
        return 0
    if bound.name == "lp":  # the strategy has solved the programme already
        return 0
    auto = certify == "auto"
    size = min(columns_at_first(k), corpus_size) * np.mean([pick.distinct_terms for pick in picks.picks])
    if auto and size > _ENTRIES:
        return 0
    programmes, seconds = (_AUTO_ROUNDS, _AUTO_SECONDS) if auto else (int(certify), _SECONDS)
    return generate_columns(documents, picks, k, bound, programmes, seconds, on_round).rounds


@dataclass(frozen=True)
class Columns:
    """The programme's columns at the end.

    Attributes
    ----------
    rows : pyarrow.Table of `candidate_schema`
        The documents, with all their terms; the selection is among them.
    candidates : Candidates
        Those that were in the programme solved last; None where none was.
    share : ndarray of float64, shape (n,), or None
        How much of each of these its solution takes.
    rounds : int
        How many rounds it took.
    """

    rows: pa.Table
    candidates: Candidates | None
    share: np.ndarray | None
    rounds: int


def columns_at_first(k: int) -> int:
    """How many documents beside the selection the first programme has."""
    return max(_FEWEST_COLUMNS, _COLUMNS_A_PICK * k)


def generate_columns(
    documents: Priced, picks: Picks, k: int, bound: Bound, programmes: int, seconds: float, on_round: OnRound
) -> Columns:
    """Solve the linear programme over ever more documents, and tighten the bound by its prices.

    The programme over some documents (columns) gives prices; a round over all documents gives the bound at these
    prices (`Bound`) and the best-priced documents, which are the next columns (column generation: Dantzig, Wolfe
    1960). It begins with the selection and the documents of the largest gains beyond it. Whatever stops it, the best
    bound so far stands.

    Parameters
    ----------
    documents, picks, k, bound, on_round
        See `certify`.
    programmes : int
        How many to solve at most.
    seconds : float
        What a solve may take.
    """
    limit = columns_at_first(k)
    covered = picks.covered(layer=1)
    rows = documents.fetch(picks.ids)
    best = documents.best_priced(covered, np.zeros(len(covered), np.int64), limit)
    bound.tighten(picks.coverage, best["gain"].to_numpy())
    rows = pa.concat_tables([rows, new_rows(best, rows)])
    rounds = 1
    on_round(rounds)
    candidates, share = None, None
    for _ in range(programmes):
        asked = Candidates.from_rows(rows)
        solution = solve(asked, k, seconds)
        if solution is None:
            break
        candidates, share = asked, solution.share
        best = documents.best_priced(candidates.hashes, solution.prices, limit)
        rounds += 1
        bound.tighten(_exact_sum(candidates.weights - solution.prices), best["gain"].to_numpy(), name="lp")
        on_round(rounds)
        new = new_rows(best, rows)
        if len(new) < _NEW_COLUMNS * len(rows):
            break
        rows = pa.concat_tables([rows, new])
    return Columns(rows, candidates, share, rounds)


def _exact_sum(values: np.ndarray) -> int:
    """Sum of non-negative int64 beyond 64 bits."""
    return (int((values >> 31).sum()) << 31) + int((values & (2**31 - 1)).sum())
