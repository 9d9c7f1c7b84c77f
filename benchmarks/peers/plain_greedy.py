"""The exact greedy in plain Python, lazily by a heap: `plain_greedy.py PATH K`. Prints what it covers and the ids."""

import heapq
import json
import re
import sys
import unicodedata

import pyarrow.parquet as pq
import regex

path, k = sys.argv[1], int(sys.argv[2])
word = re.compile(r"[^\W_]+")  # the rule `word`, where the text is ASCII; and where it is not:
_UNSPACED = r"[\p{L}&&[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]"
unit = regex.compile(rf"{_UNSPACED}\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--{_UNSPACED}]+", regex.V1)
heap = []
for batch in pq.ParquetFile(path).iter_batches(columns=["id", "text"]):
    for id_, text in zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True):
        lower = unicodedata.normalize("NFC", text).lower()
        terms = frozenset((word if text.isascii() else unit).findall(lower)[:128])
        if not terms:
            continue
        heap.append((-len(terms), -len(terms), id_, terms))
heapq.heapify(heap)
covered: set[str] = set()
ids: list[str] = []
while len(ids) < k:
    _, own, id_, terms = heapq.heappop(heap)
    entry = (-len(terms - covered), own, id_, terms)
    if heap and entry[:3] > heap[0][:3]:
        heapq.heappush(heap, entry)
        continue
    covered |= terms
    ids.append(id_)
print(json.dumps({"covered": len(covered), "ids": ids}))
