"""Documents as sparse rows of terms: the one binary layout, its writer and its reader, and the pass that makes them.

One pass over the text (`read_once`) gives everything that later stages need, so that text is never split twice:
blocks of sparse documents, each partition's own term counts, and the rows that cannot be used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.units import Windows, split_windows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# A block is cut off at so many documents or units: small beside a worker's memory, large beside its own overhead.
BLOCK_DOCUMENTS = 1 << 16
BLOCK_UNITS = 1 << 22
# A partition's term counts are combined when so many rows have come together, and let go past twice as many.
COUNTED_TERMS = 1 << 21

BLOCK_TYPE = "struct<name: string, documents: bigint, rows: binary, terms: binary>"
_BLOCK_ARROW = pa.struct(
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
    return pa.RecordBatch.from_pylist([row], schema=pa.schema(_BLOCK_ARROW))


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


class _TermCounts:
    """A partition's own term counts, combined as they come."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self._rows = 0

    def add(self, block: Block, terms: pa.Array) -> Iterator[pa.Table]:
        columns = {"hash": block.hashes, "term": terms, "tf": block.tf, "df": block.df}
        self._tables.append(pa.table(columns))
        self._rows += len(terms)
        if self._rows > COUNTED_TERMS:
            yield from self.combine(COUNTED_TERMS)

    def combine(self, keep: int = 0) -> Iterator[pa.Table]:
        """Combine what has come; give it away if it is more than `keep` rows."""
        if not self._tables:
            return
        combined = self._tables[0] if len(self._tables) == 1 else _combine(pa.concat_tables(self._tables))
        self._tables = [combined]
        self._rows = len(combined)
        if self._rows > keep:
            self._tables, self._rows = [], 0
            yield combined


def _combine(counts: pa.Table) -> pa.Table:
    """Sum the counts of equal terms."""
    encoded = counts["term"].combine_chunks().dictionary_encode()
    terms, codes = encoded.dictionary, encoded.indices.to_numpy()
    names = np.empty(len(terms), np.int64)
    names[codes] = counts["hash"].to_numpy()
    # Sums of doubles are exact here: counts of one partition are far below 2**53.
    tf, df = (np.bincount(codes, counts[column].to_numpy(), len(terms)).astype(np.int64) for column in ("tf", "df"))
    return pa.table({"hash": names, "term": terms, "tf": tf, "df": df})


def _unusable(batch: pa.RecordBatch) -> pa.Array:
    """The reason why a row cannot be used, string, null where it can: by what is known before its text is split."""
    ids, texts = batch["id"], batch["text"]
    blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(texts)), 0)
    known = [
        (pc.is_valid(batch["fault"]), batch["fault"]),
        (pc.is_null(ids), "null id"),
        (pc.is_null(texts), "null text"),
        (pc.fill_null(blank, False), "blank text"),
    ]
    reason: pa.Array = pa.nulls(len(batch), pa.string())
    for condition, value in reversed(known):
        reason = pc.if_else(condition, value, reason)
    return reason


def read_partition(
    batches: Iterable[pa.RecordBatch], *, partition: int, unit: str, max_length: int, salt: int
) -> Iterator[pa.RecordBatch]:
    """The pass over one partition.

    Parameters
    ----------
    batches : iterable of RecordBatch
        Columns `id`, `domain`, `text` and `fault` (a reason why the row cannot be used, or null).
    partition : int
        The partition's number; names its blocks.
    unit, max_length
        See `config.CorpusParameters`.
    salt : int
        See `hash_terms`.

    Yields
    ------
    RecordBatch
        Of the columns of `read_once`, each batch of one kind.
    """
    counts = _TermCounts()
    ids: list[pa.Array] = []
    characters: list[np.ndarray] = []
    windows: list[Windows] = []
    block_number = 0
    id_type = pa.string()

    def flush() -> Iterator[pa.RecordBatch]:
        nonlocal block_number
        if ids:
            block, terms = sparse_block(ids, characters, windows, salt)
            yield _output(id_type, block=block_batch(f"{partition}-{block_number}", block))
            for table in counts.add(block, terms):
                yield from _term_batches(id_type, table)
            block_number += 1
            ids.clear()
            characters.clear()
            windows.clear()

    for batch in batches:
        id_type = batch.schema.field("id").type
        reason = _unusable(batch)
        if pc.count(reason).as_py():
            yield _rejected(batch, pc.is_valid(reason), reason.drop_null())
        usable = batch.filter(pc.is_null(reason))
        lengths = pc.utf8_length(usable["text"]).to_numpy().astype(np.int64)
        for part in split_windows(usable["text"], unit, max_length):
            empty = np.diff(part.offsets) == 0
            if empty.any():
                without = usable.take(pa.array(part.rows[empty]))
                yield _rejected(without, None, pa.array(["no units"] * len(without)))
                part = Windows(part.rows[~empty], np.append(part.offsets[:-1][~empty], part.offsets[-1]), part.units)
            if len(part.rows):
                ids.append(usable["id"].take(pa.array(part.rows)))
                characters.append(lengths[part.rows])
                windows.append(part)
        documents = sum(len(part.rows) for part in windows)
        if documents >= BLOCK_DOCUMENTS or sum(len(part.units) for part in windows) >= BLOCK_UNITS:
            yield from flush()
    yield from flush()
    for table in counts.combine():
        yield from _term_batches(id_type, table)


def _rejected(batch: pa.RecordBatch, mask: pa.Array | None, reasons: pa.Array) -> pa.RecordBatch:
    rows = batch if mask is None else batch.filter(mask)
    struct = pa.StructArray.from_arrays(
        [rows["id"], rows["domain"], rows["text"], reasons], ["id", "domain", "text", "reason"]
    )
    return _output(batch.schema.field("id").type, rejected=struct)


def _term_batches(id_type: pa.DataType, table: pa.Table) -> Iterator[pa.RecordBatch]:
    for batch in table.combine_chunks().to_batches(max_chunksize=100_000):
        yield _output(id_type, terms=batch)


def _output(
    id_type: pa.DataType,
    *,
    block: pa.RecordBatch | None = None,
    terms: pa.RecordBatch | None = None,
    rejected: pa.StructArray | None = None,
) -> pa.RecordBatch:
    """A batch of one kind: the other kinds' columns are null."""
    string, long = pa.string(), pa.int64()
    rejected_type = pa.struct([("id", id_type), ("domain", string), ("text", string), ("reason", string)])
    schema = pa.schema(
        [
            ("block", _BLOCK_ARROW),
            ("hash", long),
            ("term", string),
            ("tf", long),
            ("df", long),
            ("rejected", rejected_type),
        ]
    )
    columns: dict[str, pa.Array] = {}
    if block is not None:
        columns["block"] = block.to_struct_array()
    if terms is not None:
        columns |= {name: terms[name].cast(schema.field(name).type) for name in ("hash", "term", "tf", "df")}
    if rejected is not None:
        columns["rejected"] = rejected.cast(rejected_type)
    length = len(next(iter(columns.values())))
    return pa.record_batch(
        [columns[field.name] if field.name in columns else pa.nulls(length, field.type) for field in schema],
        schema=schema,
    )


def _read_task(batches: Iterable[pa.RecordBatch], *, unit: str, max_length: int, salt: int) -> Iterator[pa.RecordBatch]:
    import os

    from pyspark import TaskContext

    # Spark gives a worker one core; Polars would take them all.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    context = TaskContext.get()
    assert context is not None
    yield from read_partition(batches, partition=context.partitionId(), unit=unit, max_length=max_length, salt=salt)


def read_once(corpus: DataFrame, unit: str, max_length: int, salt: int = 0) -> DataFrame:
    """The one pass over the text.

    Parameters
    ----------
    corpus : DataFrame
        `id` (string or bigint), `domain`, `text`, `fault`: see `corpus`.
    unit, max_length
        See `config.CorpusParameters`.
    salt : int
        See `hash_terms`.

    Returns
    -------
    DataFrame
        Rows of three kinds, the columns of the other kinds null: `block` (sparse documents), or `hash`, `term`, `tf`,
        `df` (a partition's own counts of a term), or `rejected` (id, domain, text, reason).
    """
    id_type = corpus.schema["id"].dataType.simpleString()
    schema = (
        f"block {BLOCK_TYPE}, hash bigint, term string, tf bigint, df bigint, "
        f"rejected struct<id: {id_type}, domain: string, text: string, reason: string>"
    )
    task = partial(_read_task, unit=unit, max_length=max_length, salt=salt)
    return corpus.select("id", "domain", "text", "fault").mapInArrow(task, schema)
