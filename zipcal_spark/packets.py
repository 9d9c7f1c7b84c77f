"""Counts of terms in packets: as rows they cost the JVM more than all that is done with them. NumPy and Arrow only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.documents import file_content, from_stream, put_file, to_stream

# A packet has at most so many rows or bytes of terms: a value of a row ends at 2 GiB.
PACKET_TERMS = 1 << 20
PACKET_BYTES = 1 << 26
PACKET_SCHEMA = pa.schema([("slice", pa.int32()), ("types", pa.int64()), ("counts", pa.binary())])


def packets(counts: pa.RecordBatch, slices: int, place: str | None = None) -> Iterator[pa.RecordBatch]:
    """Counts of terms by slices of their names.

    Parameters
    ----------
    counts : pyarrow.RecordBatch
        `hash`, `term`, `tf`, `df`.
    slices : int
    place : str, optional
        Files that all workers see begin like this; in a folder that is there.

    Yields
    ------
    RecordBatch
        One row of `slice` int, `types` bigint and the Arrow stream of some rows of one slice: `counts` binary, or the
        name of a `file`, as `documents.block_batch` has it.
    """
    if not len(counts):
        return
    slice_of = (counts["hash"].to_numpy().view(np.uint64) % np.uint64(slices)).astype(np.int32)
    order = np.argsort(slice_of, kind="stable")
    counts, slice_of = counts.take(pa.array(order)), slice_of[order]
    size = np.cumsum(pc.binary_length(counts["term"]).to_numpy())
    part = np.arange(len(counts)) // PACKET_TERMS + size // PACKET_BYTES + slice_of.astype(np.int64)
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    in_file = place is not None and os.path.isdir(os.path.dirname(place))
    for start, end in zip(starts, [*starts[1:], len(counts)], strict=True):
        row = {"slice": slice_of[start], "types": end - start}
        stream = to_stream(counts.slice(start, end - start))
        if in_file:
            row["file"] = f"{place}-{start}"
            put_file(row["file"], stream)
        else:
            row["counts"] = stream
        yield pa.RecordBatch.from_pylist([row], schema=PACKET_SCHEMA.append(pa.field("file", pa.string())))


def unpacked(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What is in packets, columns `counts` and perhaps `file`: `hash`, `term`, `tf`, `df`."""
    for batch in batches:
        files = batch["file"].to_pylist() if "file" in batch.schema.names else [None] * len(batch)
        for file, packet in zip(files, batch["counts"], strict=True):
            yield from_stream(packet.as_buffer() if file is None else file_content(file))
