"""The one pass over the text: it gives everything that later stages need, so that text is never split twice.

Out come blocks of sparse documents, each partition's own term counts, and the rows that cannot be used.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.coverage.local import SEEDS, seeds_of_block
from zipcal_spark.documents import BLOCK_COLUMNS, BLOCK_SCHEMA, Block, block_batch
from zipcal_spark.packets import PACKET_SCHEMA, packets
from zipcal_spark.terms import SummedCounts, UnitCounts
from zipcal_spark.units import Windows, split_windows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# A block is cut off at so many documents, terms of documents, or bytes of terms: small beside a worker's memory, large
# beside its own overhead.
BLOCK_DOCUMENTS = 1 << 13
BLOCK_TERMS = 1 << 21
BLOCK_BYTES = 1 << 26
# A partition's term counts are let go when they are so many, or have so many bytes of letters.
COUNTED_TERMS = 1 << 21
COUNTED_BYTES = 1 << 27
# What travels of a first candidate: see `local.seeds_of_block`.
_SEED = {
    "id": None,
    "pick": pa.int64(),
    "own": pa.int64(),
    "units": pa.int64(),
    "distinct": pa.int64(),
    "hashes": pa.binary(),
}


class _OpenBlock:
    """The documents that the next block is made of."""

    def __init__(self, salt: int) -> None:
        self._table = UnitCounts(salt)
        self._clear()

    def _clear(self) -> None:
        self._table.clear()
        self._ids: list[pa.Array] = []
        self._characters: list[np.ndarray] = []
        self._units: list[np.ndarray] = []
        self._distinct: list[np.ndarray] = []
        self._terms: list[np.ndarray] = []

    def add(self, ids: pa.Array, characters: np.ndarray, windows: Windows) -> None:
        terms, bounds = self._table.count(windows.units, windows.offsets)
        self._ids.append(ids)
        self._characters.append(characters)
        self._units.append(np.diff(windows.offsets))
        self._distinct.append(np.diff(bounds))
        self._terms.append(terms)

    def is_empty(self) -> bool:
        return not self._ids

    def is_full(self) -> bool:
        return (
            sum(map(len, self._ids)) >= BLOCK_DOCUMENTS
            or sum(map(len, self._terms)) >= BLOCK_TERMS
            or self._table.nbytes >= BLOCK_BYTES
        )

    def close(self) -> tuple[Block, pa.RecordBatch]:
        """The block, and the counts of its terms; the next one is empty."""
        terms = np.concatenate(self._terms)
        counts = self._table.counts(terms)
        distinct = np.concatenate(self._distinct)
        offsets = np.zeros(len(distinct) + 1, np.int64)
        np.cumsum(distinct, out=offsets[1:])
        ids = pa.concat_arrays(self._ids)
        block = Block(
            ids=ids.cast(pa.string()) if pa.types.is_large_string(ids.type) else ids,  # as the session has it
            units=np.concatenate(self._units).astype(np.int32),
            characters=np.concatenate(self._characters),
            offsets=offsets,
            terms=terms,
            hashes=counts["hash"].to_numpy()[: len(self._table)],
            tf=counts["tf"].to_numpy()[: len(self._table)].astype(np.uint32),
        )
        self._clear()
        return block, counts


def _valid(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, its strings UTF-8: the fault of rows where id or text was not says so."""
    try:
        batch.validate(full=True)
        return batch
    except pa.ArrowInvalid:
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    wrong = np.zeros(len(batch), bool)
    for name in ("id", "text"):
        if pa.types.is_string(columns[name].type):
            raw = columns[name].cast(pa.binary()).to_pylist()  # row by row, but such batches are rare
            columns[name] = pa.array([value and value.decode(errors="replace") for value in raw], pa.string())
            wrong |= [
                value != valid for value, valid in zip(raw, columns[name].cast(pa.binary()).to_pylist(), strict=True)
            ]
    columns["fault"] = pc.coalesce(columns["fault"], pc.if_else(pa.array(wrong), "invalid UTF-8", None))
    return pa.record_batch(columns)


def _fault(batch: pa.RecordBatch) -> pa.Array:
    """The reason why a row cannot be used, as far as it is known before its text is split; string, null where none."""
    reason = pc.if_else(pc.is_null(batch["text"]), "null text", pa.scalar(None, pa.string()))
    reason = pc.if_else(pc.is_null(batch["id"]), "null id", reason)
    return pc.coalesce(batch["fault"], reason)


def read_partition(
    batches: Iterable[pa.RecordBatch],
    *,
    partition: int,
    unit: str,
    max_length: int,
    salt: int,
    slices: int,
    seeds: bool = False,
    folder: str | None = None,
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
        See `terms.hash_terms`.
    slices : int
        See `packets.packets`.
    seeds : bool
        Whether each block gives the first candidates, too.
    folder : str, optional
        Where blocks and counts go, see `documents.block_batch`.

    Yields
    ------
    RecordBatch
        Of the columns of `read_once`, each batch of one kind.
    """
    counts = SummedCounts()
    open_block = _OpenBlock(salt)
    numbers = itertools.count()
    id_type = pa.string()

    def close_block() -> Iterator[pa.RecordBatch]:
        block, terms = open_block.close()
        yield _output(id_type, block_batch(f"{partition}-{next(numbers)}", block, folder))
        if seeds:
            rows = seeds_of_block(block, None, SEEDS).select(list(_SEED)).combine_chunks()
            yield _output(id_type, pa.record_batch({"seed": rows.to_struct_array().combine_chunks()}))
        counts.add(terms)
        if len(counts) > COUNTED_TERMS or counts.nbytes > COUNTED_BYTES:
            yield from send_counts()

    def send_counts() -> Iterator[pa.RecordBatch]:
        place = None if folder is None else os.path.join(folder, f"counts-{partition}-{next(numbers)}")
        yield from (_output(id_type, packet) for packet in packets(counts.counts(), slices, place))
        counts.clear()

    for batch in batches:
        id_type = batch.schema.field("id").type
        batch = _valid(batch)
        fault = _fault(batch)
        if fault.null_count < len(batch):
            yield _rejected(batch.filter(pc.is_valid(fault)), fault.drop_null())
            usable = batch.filter(pc.is_null(fault))
        else:
            usable = batch  # uncopied
        characters = pc.utf8_length(usable["text"]).to_numpy().astype(np.int64)
        for windows in split_windows(usable["text"], unit, max_length):
            empty = np.diff(windows.offsets) == 0
            if empty.any():
                rows = usable.take(pa.array(windows.rows[empty]))
                blank = pc.equal(pc.utf8_trim_whitespace(rows["text"]), "")
                yield _rejected(rows, pc.if_else(blank, "blank text", "no units"))
                windows = Windows(windows.rows[~empty], windows.offsets[np.append(~empty, True)], windows.units)
            if len(windows.rows):
                ids = usable["id"].take(pa.array(windows.rows))
                open_block.add(ids, characters[windows.rows], windows)
        if open_block.is_full():
            yield from close_block()
    if not open_block.is_empty():
        yield from close_block()
    if len(counts):
        yield from send_counts()


def _rejected(rows: pa.RecordBatch, reasons: pa.Array) -> pa.RecordBatch:
    columns = {name: rows[name] for name in ("id", "domain", "text")} | {"reason": reasons}
    rejected = pa.record_batch(columns).to_struct_array()
    return _output(rows.schema.field("id").type, pa.record_batch({"rejected": rejected}))


def _output(id_type: pa.DataType, columns: pa.RecordBatch) -> pa.RecordBatch:
    """A batch of one kind of `read_once`: the other kinds' columns are null."""
    string = pa.string()
    rejected = pa.struct([("id", id_type), ("domain", string), ("text", string), ("reason", string)])
    seed = pa.struct([("id", id_type), *((name, type_) for name, type_ in _SEED.items() if name != "id")])
    schema = pa.schema([*BLOCK_SCHEMA, *PACKET_SCHEMA, ("rejected", rejected), ("seed", seed)])
    there = columns.schema.names
    return pa.record_batch(
        [
            columns[field.name].cast(field.type) if field.name in there else pa.nulls(len(columns), field.type)
            for field in schema
        ],
        schema=schema,
    )


def _read_task(batches: Iterable[pa.RecordBatch], **parameters: Any) -> Iterator[pa.RecordBatch]:
    from pyspark import TaskContext

    # Spark gives a worker one core; Polars would take them all.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    context = TaskContext.get()
    assert context is not None
    yield from read_partition(batches, partition=context.partitionId(), **parameters)


def read_once(
    corpus: DataFrame,
    unit: str,
    max_length: int,
    salt: int,
    slices: int,
    seeds: bool = False,
    folder: str | None = None,
) -> DataFrame:
    """The one pass over the text.

    Parameters
    ----------
    corpus : DataFrame
        `id` (string or bigint), `domain`, `text`, `fault`: see `corpus`.
    unit, max_length
        See `config.CorpusParameters`.
    salt : int
        See `terms.hash_terms`.
    slices : int
        See `packets.packets`.
    seeds : bool
        Whether blocks give first candidates, too: right where all terms are worth 1.
    folder : str, optional
        Where blocks and counts go, see `documents.block_batch`.

    Returns
    -------
    DataFrame
        Rows of four kinds, the columns of the other kinds null: `name`, `documents`, `file`, `block`, `aside` (a
        block of sparse documents), or `slice`, `types`, `counts` (a partition's own counts of terms, see `packets`), or
        `rejected` (id, domain, text, reason), or `seed` (id, pick, own, units, distinct, hashes: see
        `local.seeds_of_block`).
    """
    id_type = corpus.schema["id"].dataType.simpleString()
    schema = (
        f"{BLOCK_COLUMNS}, slice int, types bigint, counts binary, "
        f"rejected struct<id: {id_type}, domain: string, text: string, reason: string>, "
        f"seed struct<id: {id_type}, pick: bigint, own: bigint, units: bigint, distinct: bigint, hashes: binary>"
    )
    task = partial(_read_task, unit=unit, max_length=max_length, salt=salt, slices=slices, seeds=seeds, folder=folder)
    return corpus.select("id", "domain", "text", "fault").mapInArrow(task, schema)
