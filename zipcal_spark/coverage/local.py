"""Partition-local: what a partition sends of its documents, unasked or by id. NumPy and Arrow only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.coverage.candidates import among, candidate_rows, own_weights, rows_of, weights_of
from zipcal_spark.coverage.greedy import greedy_over, run_greedy, transposed
from zipcal_spark.documents import Block

# A block's own greedy picks at most so many documents, of so many times as many of the largest own weights.
SEEDS, _HEAVIEST = 256, 4


def seeds_of_block(block: Block, chosen: pa.Array | None, limit: int) -> pa.Table:
    """What a block's own greedy picks, in its order: rows of `candidate_schema`, and `pick`, from 0.

    With these the driver makes its first guess (GreeDi, Mirzasoleiman et al. 2013); its proof does not depend on them.

    Parameters
    ----------
    block : Block
    chosen : pyarrow array of ids, or None
        Documents that do not compete.
    limit : int
        How many to pick at most.
    """
    weights = weights_of(block)
    own = own_weights(block)
    worth = own if chosen is None else np.where(among(block.ids, chosen), 0, own)
    heaviest = np.argsort(-worth, kind="stable")[: _HEAVIEST * limit]
    heaviest = heaviest[worth[heaviest] > 0]
    offsets, terms = rows_of(block, heaviest)
    owner_offsets, owners = transposed(offsets, terms, len(weights))
    covered = np.zeros(len(weights), bool)
    picked, *_ = run_greedy(limit, offsets, terms, weights, owner_offsets, owners, worth[heaviest], covered)
    rows = candidate_rows(block, heaviest[picked], own, own, weights)
    return rows.append_column("pick", pa.array(np.arange(len(rows))))


def seeds(blocks: Iterable[Block], chosen: pa.Array | None, limit: int) -> pa.Table | None:
    """The first picks of each block of a partition, at most so many in all; None where nothing has weight."""
    best: pa.Table | None = None
    for block in blocks:
        rows = seeds_of_block(block, chosen, min(limit, SEEDS))
        best = rows if best is None else pa.concat_tables([best, rows])
        if len(best) > 2 * limit:
            best = _first_picks(best, limit)
    return None if best is None or not len(best) else _first_picks(best, limit).drop_columns("pick")


def _first_picks(rows: pa.Table, limit: int) -> pa.Table:
    return rows.take(pc.sort_indices(rows, [("pick", "ascending"), ("id", "ascending")])[:limit])


def everything(blocks: Iterable[Block]) -> pa.Table | None:
    """Rows of `candidate_schema` of all documents of weight above 0; None where there are none."""
    found = []
    for block in blocks:
        weights = weights_of(block)
        own = own_weights(block)
        found.append(candidate_rows(block, np.flatnonzero(own > 0), own, own, weights))
    return pa.concat_tables(found) if found else None


def fetch(blocks: Iterable[Block], ids: pa.Array) -> pa.Table | None:
    """Rows of `candidate_schema` of the documents with these ids, with all their terms; None where there are none."""
    found = []
    for block in blocks:
        documents = np.flatnonzero(among(block.ids, ids))
        if len(documents):
            weights = weights_of(block)
            own = own_weights(block)
            found.append(candidate_rows(block, documents, own, own, weights))
    return pa.concat_tables(found) if found else None


def greedy_of_partition(blocks: Iterable[Block], k: int) -> pa.Table | None:
    """Rows of `candidate_schema` of a partition's own greedy selection of k documents, with all their terms.

    Block by block, and then over what the blocks gave (GreeDi, Mirzasoleiman et al. 2013): one block is held at a time.
    """
    best: pa.Table | None = None
    for block in blocks:
        rows = everything([block])
        assert rows is not None
        rows = rows if best is None else pa.concat_tables([best, rows])
        ids = pa.array(greedy_over(rows, k).ids, rows.schema.field("id").type)
        best = rows.filter(pc.is_in(rows["id"], value_set=ids))
    return best
