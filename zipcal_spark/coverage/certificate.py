"""How close a selection is to the best there is: the programme's prices over the whole corpus, by column generation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.candidates import Candidates, Id
from zipcal_spark.coverage.picks import Picks
from zipcal_spark.coverage.programme import dual_prices

# Columns to begin with: so many a document to select, and at least so many.
_COLUMNS_A_PICK, _FEWEST_COLUMNS = 4, 1000
# `auto`: a programme of more entries (pairs of a document and a term) than these would cost more than about a fifth of
# the run. On two cores a solve over real text takes some 8 s a million entries, and two or three solves are the rule;
# over random words, where all documents are alike, it takes twenty times as long.
_ENTRIES = 250_000
# A backstop for `auto`, and for a number of programmes.
_AUTO_SECONDS, _SECONDS = 10.0, 600.0
_AUTO_ROUNDS = 4
# Fewer new columns than this share of those that are there do not pay for another solve.
_NEW_COLUMNS = 0.03


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
    on_round: Callable[[int], None] = lambda rounds: None,
) -> int:
    """Tighten the bound by the linear programme's prices.

    The programme over some documents (columns) gives prices; a round over all documents gives the bound at these
    prices (`Bound`) and the best-priced documents, which are the next columns (column generation: Dantzig, Wolfe
    1960). It begins with the selection and the documents of the largest gains beyond it. Whatever stops it, the best
    bound so far stands.

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
    auto = certify == "auto"
    limit = max(_FEWEST_COLUMNS, _COLUMNS_A_PICK * k)
    if auto and min(limit, corpus_size) * np.mean([pick.distinct_terms for pick in picks.picks]) > _ENTRIES:
        return 0
    covered = picks.covered(layer=1)
    columns = documents.fetch(picks.ids)
    rows = documents.best_priced(covered, np.zeros(len(covered), np.int64), limit)
    bound.tighten(picks.coverage, rows["gain"].to_numpy())
    columns = pa.concat_tables([columns, _new(rows, columns)])
    rounds = 1
    on_round(rounds)
    for _ in range(_AUTO_ROUNDS if auto else int(certify)):
        candidates = Candidates.from_rows(columns)
        prices = dual_prices(candidates, k, _AUTO_SECONDS if auto else _SECONDS)
        if prices is None:
            break
        rows = documents.best_priced(candidates.hashes, prices, limit)
        rounds += 1
        bound.tighten(_exact_sum(candidates.weights - prices), rows["gain"].to_numpy(), name="lp")
        on_round(rounds)
        new = _new(rows, columns)
        if len(new) < _NEW_COLUMNS * len(columns):
            break
        columns = pa.concat_tables([columns, new])
    return rounds


def _new(rows: pa.Table, columns: pa.Table) -> pa.Table:
    """The documents that are no columns yet."""
    return rows.filter(pc.invert(pc.is_in(rows["id"], value_set=columns["id"].combine_chunks())))


def _exact_sum(values: np.ndarray) -> int:
    """Sum of non-negative int64 beyond 64 bits."""
    return (int((values >> 31).sum()) << 31) + int((values & (2**31 - 1)).sum())
