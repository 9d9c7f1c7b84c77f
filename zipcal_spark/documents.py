"""Documents as sparse rows of terms: the one binary layout, its writer and its reader. NumPy and Arrow only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

# A block as a row of a DataFrame, for Spark and for Arrow.
BLOCK_COLUMNS = "name string, documents bigint, file string, block binary, aside binary"
BLOCK_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("documents", pa.int64()),
        ("file", pa.string()),
        ("block", pa.binary()),
        ("aside", pa.binary()),
    ]
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
        Term frequencies within the block. These and `characters` are empty where only the rest was read.
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
        """The block as Arrow streams of one row, each column a list: what every round reads, and what few need."""
        high = self.terms >> 16  # mostly one byte: positions travel in three
        columns = {
            "id": self.ids,
            "units": self.units,
            "distinct": np.diff(self.offsets).astype(np.int32),
            "low": self.terms.astype(np.uint16),
            "high": high.astype(np.min_scalar_type(high.max(initial=0))),
            "hash": self.hashes,
        }
        if self.weights is not None:
            columns["weight"] = self.weights
        return _row_stream(columns), _row_stream({"characters": self.characters, "tf": self.tf})

    @staticmethod
    def from_bytes(block: pa.Buffer, aside: pa.Buffer | None = None) -> Block:
        """Read what `to_bytes` wrote; only the terms are copied."""
        columns = _lists_of(block)
        others = _lists_of(aside) if aside is not None else {}
        terms = columns["high"].to_numpy().astype(np.uint32)
        terms <<= np.uint32(16)
        terms |= columns["low"].to_numpy()
        offsets = np.zeros(len(columns["id"]) + 1, np.int64)
        np.cumsum(columns["distinct"].to_numpy(), out=offsets[1:])
        return Block(
            ids=columns["id"],
            units=columns["units"].to_numpy(),
            characters=others["characters"].to_numpy() if others else np.empty(0, np.int64),
            offsets=offsets,
            terms=terms,
            hashes=columns["hash"].to_numpy(),
            tf=others["tf"].to_numpy() if others else np.empty(0, np.uint32),
            weights=columns["weight"].to_numpy() if "weight" in columns else None,
        )


def _row_stream(columns: dict[str, pa.Array | np.ndarray]) -> bytes:
    """A stream of one row: each column one list of all its values."""
    lists = {
        name: pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), pa.array(values))
        for name, values in columns.items()
    }
    return to_stream(pa.record_batch(lists))


def _lists_of(data: pa.Buffer) -> dict[str, pa.Array]:
    """Read what `_row_stream` wrote."""
    row = from_stream(data)
    return {name: values.values for name, values in zip(row.schema.names, row.columns, strict=True)}


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
    """Names and blocks in Arrow batches of the columns of `block_batch`: how a worker reads blocks.

    Without the column `aside` only what every round reads is there.
    """
    for batch in batches:
        asides = batch["aside"] if "aside" in batch.schema.names else None
        for row in range(len(batch)):
            name, file = batch["name"][row].as_py(), batch["file"][row].as_py()
            if file is not None:
                yield (
                    name,
                    Block.from_bytes(file_content(file), file_content(file + _ASIDE) if asides is not None else None),
                )
            else:
                aside = asides[row].as_buffer() if asides is not None else None
                yield name, Block.from_bytes(batch["block"][row].as_buffer(), aside)


def block_batch(name: str, block: Block, folder: str | None = None) -> pa.RecordBatch:
    """One row of a `blocks` DataFrame.

    `name`, `documents`, and where the block is: in `block` and `aside`; or, given a folder that all workers see and
    that is there, in the `file` and in another beside it. Then it makes none of the ways between Python and the JVM.
    """
    data, aside = block.to_bytes()
    row = {"name": name, "documents": len(block.units)}
    if folder is not None and os.path.isdir(folder):
        file = os.path.join(folder, name)
        put_file(file + _ASIDE, aside)
        put_file(file, data)
        row["file"] = file
    else:
        row |= {"block": data, "aside": aside}
    return pa.RecordBatch.from_pylist([row], schema=BLOCK_SCHEMA)


_ASIDE = ".aside"


def put_file(file: str, content: bytes) -> None:
    """Write a file, whole or not at all: another attempt of the task may be writing it, too."""
    part = f"{file}.{os.getpid()}"
    with open(part, "wb") as out:
        out.write(content)
    os.replace(part, file)


def file_content(file: str) -> pa.Buffer:
    """What is in a file."""
    with pa.OSFile(file) as source:
        return source.read_buffer()
