"""Partition-local: what a partition proposes, and the bound on what it keeps back. NumPy and Arrow only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.coverage.candidates import candidate_rows, candidate_schema, sum_over_terms, weights_of
from zipcal_spark.coverage.greedy import greedy_over
from zipcal_spark.documents import Block
from zipcal_spark.weights import SCALE

_ORDER = [("gain", "descending"), ("own", "descending"), ("id", "ascending")]


def propose(blocks: Iterable[Block], covered: np.ndarray, chosen: pa.Array | None, limit: int) -> pa.Table | None:
    """A partition's best documents, and a bound on the others.

    The documents of the `limit` best keys, each with its uncovered terms, and one row for those kept back: how many,
    and the best key among them. Gains only fall as the covered set grows (submodularity), so no document that is kept
    back can beat this key later. Documents whose gain is 0 are dropped.

    Parameters
    ----------
    blocks : iterable of Block
        The partition's documents; one block is held at a time.
    covered : ndarray of int64, ascending
        Names of the terms covered in the present layer.
    chosen : pyarrow array of ids, or None
        Documents that no longer compete. Those chosen in the present layer need not be named: their gain is 0.
    limit : int
        How many documents to propose at most.

    Returns
    -------
    pyarrow.Table of `candidate_schema`, or None where no document gains anything
    """
    best: pa.Table | None = None
    kept_back = floor = 0
    index = pd.Index(covered)
    for block in blocks:
        proposed, eligible = _propose_from_block(block, index, chosen, limit, floor)
        if not eligible:
            continue
        kept_back += eligible - len(proposed)
        best = proposed if best is None else pa.concat_tables([best, proposed])
        # One more than the limit: the best of those kept back, whose key is the bound.
        best = best.take(pc.sort_indices(best, _ORDER))
        kept_back += max(0, len(best) - limit - 1)
        best = best.slice(0, limit + 1)
        if len(best) > limit:
            floor = best["gain"][limit].as_py()  # what gains less is kept back
    if best is None or len(best) <= limit:
        return best
    return pa.concat_tables([best.slice(0, limit), _bound_row(best.slice(limit), kept_back + 1)])


def _propose_from_block(
    block: Block, covered: pd.Index, chosen: pa.Array | None, limit: int, floor: int
) -> tuple[pa.Table, int]:
    """Rows of the block's best `limit` + 1 documents that gain at least `floor`; how many gain anything at all."""
    is_covered = covered.get_indexer(pd.Index(block.hashes)) >= 0 if len(covered) else np.zeros(len(block.hashes), bool)
    weights = np.where(is_covered, 0, weights_of(block))
    if block.weights is None:
        own, gains = np.diff(block.offsets) * SCALE, sum_over_terms(block, ~is_covered) * SCALE
    else:
        own, gains = sum_over_terms(block, block.weights), sum_over_terms(block, weights)
    if chosen is not None:
        gains[pc.is_in(block.ids, value_set=chosen).to_numpy(zero_copy_only=False)] = 0
    eligible = np.flatnonzero(gains > 0)
    best = eligible[gains[eligible] >= floor]
    if len(best) > limit + 1:
        # All that reach the gain of the last place; ties beyond it are settled by the whole key.
        last = -np.partition(-gains[best], limit)[limit]
        best = best[gains[best] >= last]
        keys = pa.table({"gain": gains[best], "own": own[best], "id": block.ids.take(pa.array(best))})
        best = best[pc.sort_indices(keys, _ORDER).to_numpy()[: limit + 1]]
    return candidate_rows(block, best, gains, own, weights), len(eligible)


def _bound_row(best_kept_back: pa.Table, count: int) -> pa.Table:
    row = best_kept_back.select(["id", "gain", "own"]).to_pylist()[0]
    schema = candidate_schema(best_kept_back.schema.field("id").type)
    return pa.Table.from_pylist([row | {"kept_back": count}], schema=schema)


def fetch(blocks: Iterable[Block], ids: pa.Array) -> pa.Table | None:
    """Rows of `candidate_schema` of the documents with these ids, with all their terms; None where there are none."""
    found = []
    for block in blocks:
        documents = np.flatnonzero(pc.is_in(block.ids, value_set=ids).to_numpy(zero_copy_only=False))
        if len(documents):
            weights = weights_of(block)
            own = sum_over_terms(block, weights)
            found.append(candidate_rows(block, documents, own, own, weights))
    return pa.concat_tables(found) if found else None


def greedy_of_partition(blocks: Iterable[Block], k: int) -> pa.Table | None:
    """Rows of `candidate_schema` of a partition's own greedy selection of k documents, with all their terms.

    Block by block, and then over what the blocks gave (GreeDi, Mirzasoleiman et al. 2013): one block is held at a time.
    """
    best: pa.Table | None = None
    for block in blocks:
        rows = propose([block], np.empty(0, np.int64), None, limit=len(block.units))
        if rows is not None:
            rows = rows if best is None else pa.concat_tables([best, rows])
            ids = pa.array(greedy_over(rows, k).ids, rows.schema.field("id").type)
            best = rows.filter(pc.is_in(rows["id"], value_set=ids))
    return best
