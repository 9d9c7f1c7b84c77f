"""Documents that compete: sparse rows over terms of their own, as a round carries them to the driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.documents import Block
from zipcal_spark.weights import SCALE

Id = str | int


class Key(NamedTuple):
    """What documents are compared by: the larger gain, then the larger own weight, then the smaller id."""

    gain: int
    own: int
    id: Id

    def beats(self, other: Key) -> bool:
        """Whether this key comes before the other in the greedy's order."""
        if (self.gain, self.own) != (other.gain, other.own):
            return (self.gain, self.own) > (other.gain, other.own)
        return self.id < other.id  # type: ignore[operator]  # ids of one corpus are of one type


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
        rows = rows.take(pc.sort_indices(rows, [("own", "descending"), ("id", "ascending")])).combine_chunks()
        hashes = _numbers(rows["hashes"])
        terms, names = pd.factorize(hashes)
        weights = np.full(len(names), SCALE, np.int64)
        if rows["weights"].null_count == 0:
            weights[terms] = _numbers(rows["weights"])
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


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """All int64 numbers in a binary column, one after the other."""
    values = column.cast(pa.large_binary()).combine_chunks()
    if len(values) == 0:
        return np.empty(0, np.int64)
    bounds = np.frombuffer(values.buffers()[1], np.int64)[values.offset : values.offset + len(values) + 1]
    data = values.buffers()[2]
    return np.frombuffer(data, np.int64, (bounds[-1] - bounds[0]) // 8, bounds[0]) if data else np.empty(0, np.int64)


def _binary(numbers: np.ndarray, counts: np.ndarray) -> pa.Array:
    """A binary column: each row so many of the int64 numbers."""
    bounds = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts * 8, out=bounds[1:])
    return pa.BinaryArray.from_buffers(pa.binary(), len(counts), [None, pa.py_buffer(bounds), pa.py_buffer(numbers)])


def candidate_schema(id_type: pa.DataType) -> pa.Schema:
    """The rows of a round: a candidate each, and one row a partition for what it kept back.

    `id`, `gain`, `own`: the key. `units`, `distinct`: window length and distinct terms. `hashes`, `weights`: int64
    names and weights of the terms that it competes with; weights are null where all are worth 1. `kept_back`: 0; or, in
    a row without terms, how many documents the partition kept back, the key being the best of theirs.
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
            ("kept_back", pa.int64()),
        ]
    )


def sum_over_terms(block: Block, values: np.ndarray) -> np.ndarray:
    """Sum of `values` (ndarray of integers, shape (v,)) over the terms of each document; int64, shape (n,).

    The smaller the values' type, the more of them are in the processor's cache.
    """
    return np.add.reduceat(values[block.terms], block.offsets[:-1], dtype=np.int64)  # no document is without terms


def weights_of(block: Block) -> np.ndarray:
    """The weights of the block's terms; int64, shape (v,)."""
    return np.full(len(block.hashes), SCALE, np.int64) if block.weights is None else block.weights


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
    starts, distinct = block.offsets[documents], np.diff(block.offsets)[documents]
    ends = np.cumsum(distinct)
    terms = block.terms[np.repeat(starts - ends + distinct, distinct) + np.arange(distinct.sum())]
    counts = weights[terms] > 0
    # How many of each document's terms count; no document is without terms.
    competing = np.add.reduceat(counts, ends - distinct, dtype=np.int64) if len(documents) else distinct
    terms = terms[counts]
    uniform = pa.nulls(len(documents), pa.binary())
    columns = {
        "id": block.ids.take(pa.array(documents)),
        "gain": gains[documents],
        "own": own[documents],
        "units": block.units[documents].astype(np.int64),
        "distinct": distinct,
        "hashes": _binary(block.hashes[terms], competing),
        "weights": uniform if block.weights is None else _binary(weights[terms], competing),
        "kept_back": np.zeros(len(documents), np.int64),
    }
    return pa.table(columns, schema=candidate_schema(block.ids.type))
