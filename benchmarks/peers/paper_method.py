"""The paper's method as published, in plain Python: each step takes the best of 2,000 random documents.

`paper_method.py PATH K`. Prints what it covers.
"""

import json
import random
import re
import sys

import pyarrow.parquet as pq

path, k = sys.argv[1], int(sys.argv[2])
word = re.compile(r"[^\W_]+")
left = [
    set(word.findall(text.lower())[:128])
    for batch in pq.ParquetFile(path).iter_batches(columns=["text"])
    for text in batch["text"].to_pylist()
]
rng = random.Random(0)
covered: set[str] = set()
for _ in range(k):
    candidates = rng.sample(range(len(left)), min(2_000, len(left)))
    best = max(candidates, key=lambda place: len(left[place] - covered))
    covered |= left[best]
    left[best] = left[-1]
    left.pop()
print(json.dumps({"covered": len(covered)}))
