"""Documents as sparse rows of terms: the one binary layout, its writer and its reader. NumPy and Arrow only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

# A block as a row of a DataFrame, for Spark and for Arrow.
BLOCK_COLUMNS = "name string, documents bigint, block binary"
BLOCK_SCHEMA = pa.schema([("name", pa.string()), ("documents", pa.int64()), ("block", pa.binary())])
# Positions of terms travel in two bytes, as all but a few of a block need no more.
_NARROW = 1 << 16


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

    def to_bytes(self) -> bytes:
        """The block as an Arrow stream of one row, each column a list."""
        wide = np.flatnonzero(self.terms >= _NARROW).astype(np.uint32)
        columns = {
            "id": self.ids,
            "units": self.units,
            "characters": self.characters.astype(np.int32),  # a string has fewer than 2**31
            "distinct": np.diff(self.offsets).astype(np.int32),
            "terms": self.terms.astype(np.uint16),
            "wide": wide,
            "wide_terms": self.terms[wide],
            "hash": self.hashes,
            "tf": self.tf,
        }
        if self.weights is not None:
            columns["weight"] = self.weights
        return to_stream(pa.record_batch({name: _as_row(values) for name, values in columns.items()}))

    @staticmethod
    def from_bytes(data: pa.Buffer) -> Block:
        """Read what `to_bytes` wrote; only the terms are copied."""
        row = from_stream(data)
        column = {name: values.values for name, values in zip(row.schema.names, row.columns, strict=True)}
        terms = column["terms"].to_numpy().astype(np.uint32)
        terms[column["wide"].to_numpy()] = column["wide_terms"].to_numpy()
        offsets = np.zeros(len(column["id"]) + 1, np.int64)
        np.cumsum(column["distinct"].to_numpy(), out=offsets[1:])
        return Block(
            ids=column["id"],
            units=column["units"].to_numpy(),
            characters=column["characters"].to_numpy().astype(np.int64),
            offsets=offsets,
            terms=terms,
            hashes=column["hash"].to_numpy(),
            tf=column["tf"].to_numpy(),
            weights=column["weight"].to_numpy() if "weight" in column else None,
        )


def _as_row(values: pa.Array | np.ndarray) -> pa.LargeListArray:
    """One list of all values."""
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), pa.array(values))


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
    """Names and blocks in Arrow batches of columns `name`, `block`: how a worker reads `blocks` DataFrames."""
    for batch in batches:
        for name, block in zip(batch["name"], batch["block"], strict=True):
            yield name.as_py(), Block.from_bytes(block.as_buffer())


def block_batch(name: str, block: Block) -> pa.RecordBatch:
    """One row of a `blocks` DataFrame: columns `name`, `documents`, `block`."""
    row = {"name": name, "documents": len(block.units), "block": block.to_bytes()}
    return pa.RecordBatch.from_pylist([row], schema=BLOCK_SCHEMA)
