"""Seeded corpora: words by a Zipf-Mandelbrot law, lengths log-normal. `python -m benchmarks.generate NAME FOLDER`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_ROWS = 25_000
_LETTERS = np.frombuffer(b"etaoinshrdlucmfwypvbgkjqxz", np.uint8)


@dataclass(frozen=True)
class Workload:
    """A corpus: so many documents of about so many words; `spread` 0 makes all equally long; `exponent` of the law."""

    documents: int
    words: float
    spread: float = 0.6
    exponent: float = 1.05
    seed: int = 0


WORKLOADS = {
    "a": Workload(1_000_000, 110),
    "b": Workload(4_000_000, 110, seed=1),
    "c": Workload(100_000, 3_000, seed=2),
    "e": Workload(200_000, 128, spread=0, exponent=0.7, seed=3),
    "small": Workload(7_000, 110, seed=4),
    "middle": Workload(200_000, 110, seed=5),
}
_VOCABULARY = 600_000
_SHIFT = 2.7


def vocabulary(size: int = _VOCABULARY) -> pa.StringArray:
    """Distinct words of lower-case ASCII letters; the rarer, the longer."""
    rng = np.random.default_rng(1)
    rank = np.arange(1, size + 1)
    lengths = np.clip(np.round(np.log2(rank + 3) * 0.75 + 1 + rng.normal(0, 0.8, size)), 2, 16).astype(np.int64)
    letters = _LETTERS[np.minimum(rng.geometric(0.12, lengths.sum()) - 1, 25)].tobytes().decode()
    ends = np.cumsum(lengths)
    seen: set[str] = set()
    words = []
    for start, end in zip((ends - lengths).tolist(), ends.tolist(), strict=True):
        word = letters[start:end]
        while word in seen:
            word += chr(ord("a") + int(rng.integers(26)))
        seen.add(word)
        words.append(word)
    return pa.array(words, pa.string())


def write(workload: Workload, path: Path, words: pa.StringArray | None = None) -> None:
    """Write a corpus of `id` and `text` as Parquet, the same bytes of text on every machine.

    Parameters
    ----------
    workload : Workload
    path : Path
        Of the file.
    words : pyarrow.StringArray, optional
        The vocabulary, by rank; `vocabulary()` where it is not given.
    """
    words = vocabulary() if words is None else words
    rng = np.random.default_rng(workload.seed)
    law = np.cumsum((np.arange(1, len(words) + 1) + _SHIFT) ** -workload.exponent)
    law /= law[-1]
    mu = np.log(workload.words) - workload.spread**2 / 2
    schema = pa.schema([("id", pa.string()), ("text", pa.string())])
    rows = min(_ROWS, max(1, int(3_000_000 / workload.words)))
    with pq.ParquetWriter(path, schema) as file:
        for start in range(0, workload.documents, rows):
            count = min(rows, workload.documents - start)
            lengths = np.maximum(rng.lognormal(mu, workload.spread, count), 1).round().astype(np.int32)
            ranks = np.minimum(np.searchsorted(law, rng.random(lengths.sum())), len(words) - 1)
            offsets = np.append(np.int32(0), np.cumsum(lengths, dtype=np.int32))
            texts = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), words.take(pa.array(ranks))), " ")
            texts = pc.binary_join_element_wise(pc.utf8_capitalize(texts), ".", "")
            ids = pa.array([f"{workload.seed}-{number:08d}" for number in range(start, start + count)])
            file.write_table(pa.table([ids, texts], schema=schema))


if __name__ == "__main__":
    name, folder = sys.argv[1:]
    write(WORKLOADS[name], Path(folder) / f"{name}.parquet")
