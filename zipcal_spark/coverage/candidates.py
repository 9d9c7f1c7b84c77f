"""Documents that compete: sparse rows over terms of their own, as a round carries them to the driver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.coverage.positions import numbered
from zipcal_spark.documents import Block
from zipcal_spark.weights import SCALE

Id = str | int


@dataclass(frozen=True)
class Candidates:
    """Some documents, in the order of their ties: larger own weight first, then smaller id.

    Attributes
    ----------
    ids : pyarrow array of string or int64, shape (n,)
    own : ndarray of int64, shape (n,)
        Summed weight of all of a document's terms, in units of 2**-30.
    units, distinct : ndarray of int64, shape (n,)
        Window length and number of distinct terms.
    offsets : ndarray of int64, shape (n + 1,)
    terms : ndarray of int64, shape (nnz,)
        Document i competes with the terms `terms[offsets[i]:offsets[i + 1]]`, positions in `hashes`.
    hashes, weights : ndarray of int64, shape (v,)
        Names and weights of the terms.
    """

    ids: pa.Array
    own: np.ndarray
    units: np.ndarray
    distinct: np.ndarray
    offsets: np.ndarray
    terms: np.ndarray
    hashes: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.own)

    @staticmethod
    def from_rows(rows: pa.Table) -> Candidates:
        """Candidates of rows of `candidate_schema`, of any number of partitions."""
        rows = rows.combine_chunks()
        rows = rows.take(pc.sort_indices(rows, [("own", "descending"), ("id", "ascending")])).combine_chunks()
        hashes = numbers_in(rows["hashes"])
        terms, names = numbered(hashes)
        weights = np.full(len(names), SCALE, np.int64)
        if rows["weights"].null_count == 0:
            weights[terms] = numbers_in(rows["weights"])
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(pc.binary_length(rows["hashes"]).to_numpy() // 8, out=offsets[1:])
        return Candidates(
            ids=rows["id"].combine_chunks(),
            own=rows["own"].to_numpy(),
            units=rows["units"].to_numpy(),
            distinct=rows["distinct"].to_numpy(),
            offsets=offsets,
            terms=terms,
            hashes=names,
            weights=weights,
        )


def numbers_in(column: pa.ChunkedArray) -> np.ndarray:
    """All int64 numbers in a binary column, one after the other."""
    values = column.cast(pa.large_binary()).combine_chunks()
    if len(values) == 0:
        return np.empty(0, np.int64)
    bounds = np.frombuffer(values.buffers()[1], np.int64)[values.offset : values.offset + len(values) + 1]
    data = values.buffers()[2]
    return np.frombuffer(data, np.int64, (bounds[-1] - bounds[0]) // 8, bounds[0]) if data else np.empty(0, np.int64)


def binary_of(numbers: np.ndarray, counts: np.ndarray) -> pa.Array:
    """A binary column: each row so many of the int64 numbers."""
    bounds = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts * 8, out=bounds[1:])
    return pa.BinaryArray.from_buffers(pa.binary(), len(counts), [None, pa.py_buffer(bounds), pa.py_buffer(numbers)])


def candidate_schema(id_type: pa.DataType) -> pa.Schema:
    """The rows of a round: a candidate each.

    `gain`: what it was chosen by. `own`: summed weight of all its terms. `units`, `distinct`: window length and
    distinct terms. `hashes`, `weights`: int64 names and weights of its terms; weights are null where all are worth 1.
    """
    return pa.schema(
        [
            ("id", id_type),
            ("gain", pa.int64()),
            ("own", pa.int64()),
            ("units", pa.int64()),
            ("distinct", pa.int64()),
            ("hashes", pa.binary()),
            ("weights", pa.binary()),
        ]
    )


def among(ids: pa.Array, some: pa.Array) -> np.ndarray:
    """Which ids are among some; ndarray of bool, shape (n,)."""
    return np.asarray(pc.is_in(ids, value_set=some).to_numpy(zero_copy_only=False))


def new_rows(rows: pa.Table, others: pa.Table) -> pa.Table:
    """Those of `rows` whose ids do not occur in `others`."""
    return rows.filter(pc.invert(pc.is_in(rows["id"], value_set=others["id"].combine_chunks())))


def sum_over_terms(block: Block, values: np.ndarray) -> np.ndarray:
    """Sum of `values` (ndarray of integers, shape (v,)) over the terms of each document; int64, shape (n,).

    The smaller the values' type, the more of them are in the processor's cache.
    """
    return np.add.reduceat(values[block.terms], block.offsets[:-1], dtype=np.int64)  # no document is without terms


def own_weights(block: Block) -> np.ndarray:
    """The summed weight of each document's terms; int64, shape (n,), in units of 2**-30."""
    return np.diff(block.offsets) * SCALE if block.weights is None else sum_over_terms(block, block.weights)


def weights_of(block: Block) -> np.ndarray:
    """The weights of the block's terms; int64, shape (v,)."""
    return np.full(len(block.hashes), SCALE, np.int64) if block.weights is None else block.weights


def rows_of(block: Block, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sparse rows of some documents of a block.

    Returns
    -------
    ndarray of int64, shape (m + 1,)
        Row i has the terms offsets[i] .. offsets[i + 1].
    ndarray of uint32
        The terms, as positions in the block's.
    """
    distinct = np.diff(block.offsets)[documents]
    offsets = np.zeros(len(documents) + 1, np.int64)
    np.cumsum(distinct, out=offsets[1:])
    return offsets, block.terms[np.repeat(block.offsets[documents] - offsets[:-1], distinct) + np.arange(offsets[-1])]


def candidate_rows(
    block: Block, documents: np.ndarray, gains: np.ndarray, own: np.ndarray, weights: np.ndarray
) -> pa.Table:
    """Rows of `candidate_schema` for some documents of a block.

    Parameters
    ----------
    block : Block
    documents : ndarray of int64, shape (m,)
        Which documents.
    gains, own : ndarray of int64, shape (n,)
        Of all documents of the block.
    weights : ndarray of int64, shape (v,)
        The terms' weights; the rows carry the terms whose weight is above 0.
    """
    offsets, terms = rows_of(block, documents)
    distinct = np.diff(offsets)
    counts = weights[terms] > 0
    # How many of each document's terms count; no document is without terms.
    competing = np.add.reduceat(counts, offsets[:-1], dtype=np.int64) if len(documents) else distinct
    terms = terms[counts]
    uniform = pa.nulls(len(documents), pa.binary())
    columns = {
        "id": block.ids.take(pa.array(documents)),
        "gain": gains[documents],
        "own": own[documents],
        "units": block.units[documents].astype(np.int64),
        "distinct": distinct,
        "hashes": binary_of(block.hashes[terms], competing),
        "weights": uniform if block.weights is None else binary_of(weights[terms], competing),
    }
    return pa.table(columns, schema=candidate_schema(block.ids.type))
