"""Partition-local: the documents that are worth most at given prices of terms. NumPy and Arrow only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.coverage.candidates import candidate_rows, own_weights, sum_over_terms, weights_of
from zipcal_spark.coverage.positions import Positions
from zipcal_spark.documents import Block

ORDER = [("gain", "descending"), ("own", "descending"), ("id", "ascending")]
"""The order of rows of `candidate_schema`: the best key first."""


def best_priced(blocks: Iterable[Block], names: np.ndarray, prices: np.ndarray, limit: int) -> pa.Table | None:
    """The `limit` documents with the largest priced sums, with all their terms.

    Parameters
    ----------
    blocks : iterable of Block
        One is held at a time.
    names, prices : ndarray of int64, shape (v,)
        Terms and what they are priced at, in units of 2**-30; the price of all others is their weight.
    limit : int

    Returns
    -------
    pyarrow.Table of `candidate_schema`, or None where there are no documents
        `gain` is the priced sum.
    """
    best: pa.Table | None = None
    index = Positions(names)
    for block in blocks:
        weights = weights_of(block)
        place = index.of(block.hashes)
        priced = weights.copy()
        priced[place >= 0] = prices[place[place >= 0]]
        sums, own = sum_over_terms(block, priced), own_weights(block)
        keys = pa.table({"gain": sums, "own": own, "id": block.ids})
        rows = candidate_rows(block, pc.sort_indices(keys, ORDER).to_numpy()[:limit], sums, own, weights)
        rows = rows if best is None else pa.concat_tables([best, rows])
        best = rows.take(pc.sort_indices(rows, ORDER)[:limit])
    return best
