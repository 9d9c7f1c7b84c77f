"""Documents as sparse rows of terms: the one binary layout, its writer and its reader. NumPy and Arrow only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.units import Spans

# Terms of up to so many bytes have names of their own, see `hash_terms`.
_SHORT = 7
# Masks that leave the first 0 .. 8 bytes of a little-endian number.
_FIRST_BYTES = np.array([(1 << (8 * length)) - 1 for length in range(9)], np.uint64)
_LOW_BYTES, _TOP_BIT = np.uint64((1 << 56) - 1), np.uint64(1 << 63)

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


def hash_terms(terms: Spans, salt: int = 0) -> np.ndarray:
    """64-bit names of terms; the same on every machine and in every run.

    Eight bytes at a time, mixed as SplitMix64 does (Steele, Lea, Flood 2014), a bijection of 64 bits. A term of up to
    seven bytes is its bytes and its length, mixed: no two of these share a name, nor does one with a longer term. Two
    longer terms may (for 10**9 terms, one run in forty): `sparse_block` and `statistics` find that, and the pass is
    done again with another salt.

    Parameters
    ----------
    terms : Spans, of n terms
    salt : int

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    words = _words_of(terms.data)
    salted = _mix(np.array([salt], np.uint64))
    state = words[terms.starts] & _FIRST_BYTES[np.minimum(terms.lengths, 8)]
    state ^= np.minimum(terms.lengths, 8).astype(np.uint64) << np.uint64(56)  # free in terms of up to seven bytes
    long = np.flatnonzero(terms.lengths > _SHORT)
    if len(long):
        state[long] = _hash_long(words, terms.take(long), salted)
    return _mix(state ^ (salted & _LOW_BYTES)).view(np.int64)


def _hash_long(words: np.ndarray, terms: Spans, salted: np.ndarray) -> np.ndarray:
    """The state of terms of more than seven bytes; its top byte is never that of a short term."""
    state = _mix(terms.lengths.astype(np.uint64) ^ salted)
    left = np.arange(len(terms))
    at = 0
    while len(left):
        starts, lengths = terms.starts[left] + at, terms.lengths[left] - at
        state[left] = _mix(state[left] ^ (words[starts] & _FIRST_BYTES[np.minimum(lengths, 8)]))
        left = left[lengths > 8]
        at += 8
    state[state >> np.uint64(56) <= _SHORT] |= _TOP_BIT
    return state


def _mix(state: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = state ^ (state >> np.uint64(31))
    return mixed


def _words_of(data: np.ndarray) -> np.ndarray:
    """The eight bytes from each byte on, as little-endian numbers; uint64, not copied."""
    return np.lib.stride_tricks.as_strided(data[:8].view("<u8"), (len(data) - 7,), (1,))


@dataclass(frozen=True)
class Counts:
    """Strings as positions among the distinct ones.

    Attributes
    ----------
    codes : ndarray of int64, shape (n,)
        Which of the distinct terms each string is.
    hashes : ndarray of int64, shape (v,)
        Names of the distinct terms, in the order of first appearance.
    terms : pyarrow.LargeStringArray, shape (v,)
    sharing : pyarrow.Table
        `hash`, `term`: terms that were counted as another, whose name they have; empty but once in a blue moon.
    """

    codes: np.ndarray
    hashes: np.ndarray
    terms: pa.LargeStringArray
    sharing: pa.Table

    @staticmethod
    def distinct(hashes: np.ndarray, terms: pa.LargeStringArray) -> Counts:
        """Of terms that are distinct already."""
        nothing = pa.table({"hash": hashes[:0], "term": terms[:0]})
        return Counts(np.arange(len(hashes)), hashes, terms, nothing)

    def table(self, tf: np.ndarray, df: np.ndarray) -> pa.Table:
        """`hash`, `term`, `tf`, `df` of the distinct terms; behind these, counted 0, those of `sharing`."""
        counted = pa.table({"hash": self.hashes, "term": self.terms, "tf": tf, "df": df})
        if len(self.sharing) == 0:
            return counted
        nothing = np.zeros(len(self.sharing), np.int64)
        return pa.concat_tables([counted, self.sharing.append_column("tf", [nothing]).append_column("df", [nothing])])


def count_units(units: Spans, salt: int) -> Counts:
    """Find the distinct terms among units; `salt`: see `hash_terms`."""
    names = hash_terms(units, salt)
    codes, hashes, first = _factorize(names)
    other = _same_name_other_term(units, first[codes])
    sharing = pa.table({"hash": names[other], "term": units.take(other).to_arrow()})
    return Counts(codes, hashes, units.take(first).to_arrow(), sharing)


def join_counts(parts: list[Counts]) -> Counts:
    """The distinct terms of several parts; codes of all their strings."""
    names = np.concatenate([part.hashes for part in parts])
    codes, hashes, first = _factorize(names)
    terms = pa.concat_arrays([part.terms for part in parts])
    # Only long terms can have the name of another, see `hash_terms`.
    again = first[codes]
    again = np.flatnonzero((again != np.arange(len(again))) & (pc.binary_length(terms).to_numpy() > _SHORT))
    differs = pc.not_equal(terms.take(pa.array(again)), terms.take(pa.array(first[codes[again]])))
    other = pa.array(again).filter(differs)
    sharing = pa.table({"hash": pa.array(names).take(other), "term": terms.take(other)})
    parts_of_codes = np.split(codes, np.cumsum([len(part.hashes) for part in parts])[:-1])
    return Counts(
        np.concatenate([codes_of[part.codes] for codes_of, part in zip(parts_of_codes, parts, strict=True)]),
        hashes,
        terms.take(pa.array(first)),
        pa.concat_tables([*(part.sharing for part in parts), sharing]),
    )


def _factorize(names: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, the distinct names in the order of first appearance, and where each appears first."""
    codes, distinct = pd.factorize(names)
    first = np.empty(len(distinct), np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return codes, distinct, first


def _same_name_other_term(units: Spans, first: np.ndarray) -> np.ndarray:
    """Positions of units that are not the string at `first`, shape (n,), whose name they have."""
    long = np.flatnonzero((units.lengths > _SHORT) & (first != np.arange(len(first))))
    a, b = units.take(long), units.take(first[long])
    differs = a.lengths != b.lengths
    words = _words_of(units.data)
    left, at = np.flatnonzero(~differs), 0
    while len(left):
        rest = a.lengths[left] - at
        difference = words[a.starts[left] + at] ^ words[b.starts[left] + at]
        differs[left] = (difference & _FIRST_BYTES[np.minimum(rest, 8)]) != 0
        left = left[(rest > 8) & ~differs[left]]
        at += 8
    others: np.ndarray = long[differs]
    return others


def sum_counts(tables: list[pa.Table]) -> pa.Table:
    """Sum counts of terms, tables as `Counts.table` gives them, into one."""
    parts = ((table["hash"].to_numpy(), table["term"].combine_chunks()) for table in tables)
    joined = join_counts([Counts.distinct(hashes, terms) for hashes, terms in parts])
    columns = (np.concatenate([table[column].to_numpy() for table in tables]) for column in ("tf", "df"))
    return joined.table(*(_sums(joined.codes, column, len(joined.hashes)) for column in columns))


def _sums(codes: np.ndarray, values: np.ndarray, length: int) -> np.ndarray:
    """Exact sums of non-negative integers by code: in two halves, as bincount sums doubles."""
    high, low = (np.bincount(codes, half, length).astype(np.int64) for half in (values >> 31, values & (2**31 - 1)))
    return (high << 31) + low


def sparse_block(
    ids: list[pa.Array], characters: list[np.ndarray], lengths: list[np.ndarray], counts: list[Counts]
) -> tuple[Block, pa.Table]:
    """Count the terms of some documents: their sparse rows, and the block's distinct terms.

    Parameters
    ----------
    ids, characters, lengths, counts : lists of equal length
        Ids, text lengths in characters, window lengths in units, and counted units of one batch each.

    Returns
    -------
    Block
    pyarrow.Table
        See `Counts.table`.
    """
    counted, units = join_counts(counts), np.concatenate(lengths)
    # (document, term) as one number: sorting brings equal terms of a document together.
    pairs = _sorted_unique(np.repeat(np.arange(len(units)) << 32, units) | counted.codes)
    terms = pairs.astype(np.uint32)  # the lower half
    block = Block(
        ids=pa.concat_arrays(ids),
        units=units.astype(np.int32),
        characters=np.concatenate(characters),
        offsets=np.searchsorted(pairs, np.arange(len(units) + 1) << 32),
        terms=terms,
        hashes=counted.hashes,
        tf=np.bincount(counted.codes, minlength=len(counted.hashes)).astype(np.uint32),
    )
    return block, counted.table(block.tf.astype(np.int64), np.bincount(terms, minlength=len(counted.hashes)))


def _sorted_unique(values: np.ndarray) -> np.ndarray:
    values.sort()
    first = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return values[first]
