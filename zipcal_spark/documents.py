"""Documents as sparse rows of terms: the one binary layout, its writer and its reader. NumPy and Arrow only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

# A block as a row of a DataFrame, for Spark and for Arrow.
BLOCK_COLUMNS = "name string, documents bigint, rows binary, terms binary"
BLOCK_SCHEMA = pa.schema(
    [("name", pa.string()), ("documents", pa.int64()), ("rows", pa.binary()), ("terms", pa.binary())]
)


@dataclass(frozen=True)
class Block:
    """Some documents of a partition as sparse rows over the block's own terms.

    Attributes
    ----------
    ids : pyarrow array of string or int64, shape (n,)
    units : ndarray of int32, shape (n,)
        Window lengths, in units.
    characters : ndarray of int64, shape (n,)
        Lengths of the whole texts, in characters.
    offsets : ndarray of int64, shape (n + 1,)
        Document i has the terms `terms[offsets[i]:offsets[i + 1]]`.
    terms : ndarray of uint32, shape (nnz,)
        Distinct terms of each document, as positions in `hashes`.
    hashes : ndarray of int64, shape (v,)
        The block's distinct terms, as `terms.hash_terms` names them.
    tf : ndarray of uint32, shape (v,)
        Term frequencies within the block.
    weights : ndarray of int64, shape (v,), or None
        What the terms are worth, in units of 2**-30; None where all are worth 1 (see `weights`).
    """

    ids: pa.Array
    units: np.ndarray
    characters: np.ndarray
    offsets: np.ndarray
    terms: np.ndarray
    hashes: np.ndarray
    tf: np.ndarray
    weights: np.ndarray | None = None

    def to_bytes(self) -> tuple[bytes, bytes]:
        """The block as two Arrow streams: its documents, and its terms."""
        lists = pa.LargeListArray.from_arrays(pa.array(self.offsets), pa.array(self.terms))
        rows = pa.record_batch({"id": self.ids, "units": self.units, "characters": self.characters, "terms": lists})
        columns = {"hash": self.hashes, "tf": self.tf}
        if self.weights is not None:
            columns["weight"] = self.weights
        return to_stream(rows), to_stream(pa.record_batch(columns))

    @staticmethod
    def from_bytes(rows: pa.Buffer, terms: pa.Buffer) -> Block:
        """Read what `to_bytes` wrote, without copying."""
        documents, dictionary = from_stream(rows), from_stream(terms)
        lists = documents["terms"]
        return Block(
            ids=documents["id"],
            units=documents["units"].to_numpy(),
            characters=documents["characters"].to_numpy(),
            offsets=lists.offsets.to_numpy(),
            terms=lists.values.to_numpy(),
            hashes=dictionary["hash"].to_numpy(),
            tf=dictionary["tf"].to_numpy(),
            weights=dictionary["weight"].to_numpy() if "weight" in dictionary.schema.names else None,
        )


def to_stream(batch: pa.RecordBatch) -> bytes:
    """A batch as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def from_stream(data: pa.Buffer) -> pa.RecordBatch:
    """Read what `to_stream` wrote, without copying."""
    return pa.ipc.open_stream(data).read_next_batch()


def blocks_of(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, Block]]:
    """Names and blocks in Arrow batches of columns `name`, `rows`, `terms`: how a worker reads `blocks` DataFrames."""
    for batch in batches:
        for name, rows, terms in zip(batch["name"], batch["rows"], batch["terms"], strict=True):
            yield name.as_py(), Block.from_bytes(rows.as_buffer(), terms.as_buffer())


def block_batch(name: str, block: Block) -> pa.RecordBatch:
    """One row of a `blocks` DataFrame: columns `name`, `documents`, `rows`, `terms`."""
    rows, terms = block.to_bytes()
    row = {"name": name, "documents": len(block.units), "rows": rows, "terms": terms}
    return pa.RecordBatch.from_pylist([row], schema=BLOCK_SCHEMA)
