"""The whole selection without Spark: partitions are lists, a round is a loop. For properties by the thousand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.coverage import local
from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.candidates import candidate_schema
from zipcal_spark.coverage.challenge import challenge, challenge_schema
from zipcal_spark.coverage.pricing import ORDER, best_priced
from zipcal_spark.coverage.rounds import exact_greedy
from zipcal_spark.documents import Block
from zipcal_spark.reading import read_partition
from zipcal_spark.weights import term_weights


def corpus_batch(documents: list[tuple]) -> pa.RecordBatch:
    ids, texts = zip(*documents, strict=True)
    nothing = pa.nulls(len(ids), pa.string())
    ids = pa.array(ids, pa.int64() if isinstance(ids[0], int) else pa.string())
    return pa.record_batch({"id": ids, "domain": nothing, "text": pa.array(texts, pa.string()), "fault": nothing})


def read(documents: list[tuple], unit="word", max_length=128, partition=0, batch=3) -> list[pa.RecordBatch]:
    rows = corpus_batch(documents)
    batches = [rows.slice(start, batch) for start in range(0, len(rows), batch)]
    return list(read_partition(batches, partition=partition, unit=unit, max_length=max_length, salt=0, slices=3))


def blocks_in(batches: list[pa.RecordBatch]) -> list[Block]:
    rows = [row for batch in batches for row in batch.to_pylist() if row["name"] is not None]
    return [Block.from_bytes(pa.py_buffer(row["block"]), pa.py_buffer(row["aside"])) for row in rows]


class InProcess:
    """The partitions of a corpus, with weights, and the rounds over them."""

    def __init__(self, documents, assignment, weights="uniform", min_doc_freq=1, candidates=20_000, batch=3):
        parts: dict[int, list] = {}
        for document, part in zip(documents, assignment, strict=True):
            parts.setdefault(part, []).append(document)
        partitions = [blocks_in(read(part, batch=batch)) for part in parts.values()]
        self.partitions = [part for part in partitions if part]
        self.documents = sum(len(block.units) for part in self.partitions for block in part)
        tf: dict[int, int] = {}
        df: dict[int, int] = {}
        for block in (block for part in self.partitions for block in part):
            of_documents = np.bincount(block.terms, minlength=len(block.hashes)).tolist()
            for name, its_tf, its_df in zip(block.hashes, block.tf.tolist(), of_documents, strict=True):
                tf[name] = tf.get(name, 0) + its_tf
                df[name] = df.get(name, 0) + its_df

        def weigh(block):
            frequencies = (np.array([of[name] for name in block.hashes]) for of in (tf, df))
            return replace(block, weights=term_weights(weights, *frequencies, self.documents, min_doc_freq))

        if (weights, min_doc_freq) != ("uniform", 1):
            self.partitions = [[weigh(block) for block in part] for part in self.partitions]
        self.candidates = candidates
        self.id_type = self.partitions[0][0].ids.type
        self.limit = -(-candidates // max(1, len(self.partitions)))
        every = [np.array([tf[name] for name in tf]), np.array([df[name] for name in tf])]
        self.total = int(term_weights(weights, *every, self.documents, min_doc_freq).sum())

    def _gathered(self, kernel, schema):
        found = [kernel(part) for part in self.partitions]
        return pa.concat_tables([schema.empty_table(), *(rows for rows in found if rows is not None)])

    def everything(self, whatever_their_number=False):
        if self.documents > self.candidates and not whatever_their_number:
            return None
        return self._gathered(local.everything, candidate_schema(self.id_type))

    def seeds(self, chosen):
        return self._gathered(lambda part: local.seeds(part, chosen, self.limit), candidate_schema(self.id_type))

    def challenge(self, guess, chosen):
        return self._gathered(lambda part: challenge(part, guess, chosen, self.limit), challenge_schema(self.id_type))

    def fetch(self, ids):
        ids = pa.array(ids, self.id_type)
        found = [local.fetch(part, ids) for part in self.partitions]
        return pa.concat_tables([rows for rows in found if rows is not None])

    def best_priced(self, names, prices, limit):
        rows = pa.concat_tables([best_priced(part, names, prices, limit) for part in self.partitions])
        return rows.take(pc.sort_indices(rows, ORDER)[:limit])

    def select(self, k):
        k = min(k, self.documents)
        bound = Bound(k, self.total)
        return exact_greedy(self, k, bound), bound
