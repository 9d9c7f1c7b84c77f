"""Documents as sparse rows of terms: the one binary layout, its writer and its reader. NumPy and Arrow only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from zipcal_spark.units import Windows

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
        Distinct terms of each document, ascending, as positions in `hashes`.
    hashes : ndarray of int64, shape (v,)
        The block's distinct terms, as `hash_terms` names them.
    tf, df : ndarray of int64, shape (v,)
        Frequencies within the block.
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
    df: np.ndarray
    weights: np.ndarray | None = None

    def to_bytes(self) -> tuple[bytes, bytes]:
        """The block as two Arrow streams: its documents, and its terms."""
        lists = pa.LargeListArray.from_arrays(pa.array(self.offsets), pa.array(self.terms))
        rows = pa.record_batch({"id": self.ids, "units": self.units, "characters": self.characters, "terms": lists})
        columns = {"hash": self.hashes, "tf": self.tf, "df": self.df}
        if self.weights is not None:
            columns["weight"] = self.weights
        return _to_stream(rows), _to_stream(pa.record_batch(columns))

    @staticmethod
    def from_bytes(rows: pa.Buffer, terms: pa.Buffer) -> Block:
        """Read what `to_bytes` wrote, without copying."""
        documents, dictionary = _from_stream(rows), _from_stream(terms)
        lists = documents["terms"]
        return Block(
            ids=documents["id"],
            units=documents["units"].to_numpy(),
            characters=documents["characters"].to_numpy(),
            offsets=lists.offsets.to_numpy(),
            terms=lists.values.to_numpy(),
            hashes=dictionary["hash"].to_numpy(),
            tf=dictionary["tf"].to_numpy(),
            df=dictionary["df"].to_numpy(),
            weights=dictionary["weight"].to_numpy() if "weight" in dictionary.schema.names else None,
        )


def _to_stream(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _from_stream(data: pa.Buffer) -> pa.RecordBatch:
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


def hash_terms(terms: pa.Array, salt: int = 0) -> np.ndarray:
    """64-bit names of terms; the same on every machine and in every run.

    SipHash-2-4 as pandas has it. Two terms may share a name (for 10**9 terms, one run in forty): `statistics` finds
    that, and the pass is done again with another salt.

    Parameters
    ----------
    terms : pyarrow array of string, shape (v,)
    salt : int
        0 .. 9999.

    Returns
    -------
    ndarray of int64, shape (v,)
    """
    from pandas.util import hash_array

    key = f"zipcal terms{salt:04d}"
    values = np.asarray(terms.to_numpy(zero_copy_only=False), dtype=object)
    return np.asarray(hash_array(values, hash_key=key, categorize=False)).view(np.int64)


def sparse_block(
    ids: list[pa.Array], characters: list[np.ndarray], windows: list[Windows], salt: int
) -> tuple[Block, pa.Array]:
    """Count the terms of some documents: their sparse rows, and the block's distinct terms.

    Parameters
    ----------
    ids, characters, windows : lists of equal length
        Ids, text lengths in characters, and windows of one batch each.
    salt : int
        See `hash_terms`.
    """
    encoded = pa.chunked_array([part.units for part in windows], pa.large_string()).dictionary_encode()
    encoded = encoded.unify_dictionaries()
    terms = encoded.chunk(0).dictionary
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks]).astype(np.int64)
    lengths = np.concatenate([np.diff(part.offsets) for part in windows])
    # (document, term) as one number: sorting brings equal terms of a document together.
    pairs = np.repeat(np.arange(len(lengths)) * len(terms), lengths) + codes
    pairs = _sorted_unique(pairs)
    distinct_terms = pairs % len(terms)
    block = Block(
        ids=pa.concat_arrays(ids),
        units=lengths.astype(np.int32),
        characters=np.concatenate(characters),
        offsets=np.searchsorted(pairs, np.arange(len(lengths) + 1) * len(terms)),
        terms=distinct_terms.astype(np.uint32),
        hashes=hash_terms(terms, salt),
        tf=np.bincount(codes, minlength=len(terms)),
        df=np.bincount(distinct_terms, minlength=len(terms)),
    )
    return block, terms


def _sorted_unique(values: np.ndarray) -> np.ndarray:
    values.sort()
    first = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return values[first]
