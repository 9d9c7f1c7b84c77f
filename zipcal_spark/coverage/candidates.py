"""Documents that compete: sparse rows over terms of their own, as a round carries them to the driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
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
        rows = rows.take(pc.sort_indices(rows, [("own", "descending"), ("id", "ascending")]))
        hashes = np.frombuffer(b"".join(rows["hashes"].to_pylist()), np.int64)
        weights = np.frombuffer(b"".join(rows["weights"].to_pylist()), np.int64)
        names, first, terms = np.unique(hashes, return_index=True, return_inverse=True)
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
            weights=weights[first],
        )


def candidate_schema(id_type: pa.DataType) -> pa.Schema:
    """The rows of a round: a candidate each, and one row a partition for what it kept back.

    `id`, `gain`, `own`: the key. `units`, `distinct`: window length and distinct terms. `hashes`, `weights`: int64
    names and weights of the terms that it competes with. `kept_back`: 0; or, in a row without terms, how many
    documents the partition kept back, the key being the best of theirs.
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
    """Sum of `values` (ndarray of int64, shape (v,)) over the terms of each document; int64, shape (n,)."""
    return np.add.reduceat(values[block.terms], block.offsets[:-1])  # no document is without terms


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
    starts, ends = block.offsets[documents], block.offsets[documents + 1]
    terms = [block.terms[start:end] for start, end in zip(starts, ends, strict=True)]
    terms = [row[weights[row] > 0] for row in terms]
    columns = {
        "id": block.ids.take(pa.array(documents)),
        "gain": gains[documents],
        "own": own[documents],
        "units": block.units[documents].astype(np.int64),
        "distinct": ends - starts,
        "hashes": [block.hashes[row].tobytes() for row in terms],
        "weights": [weights[row].tobytes() for row in terms],
        "kept_back": np.zeros(len(documents), np.int64),
    }
    return pa.table(columns, schema=candidate_schema(block.ids.type))
