"""DuckDB counts all words of all texts by the `word` rule, on two threads: `duckdb_count.py PATH`."""

import json
import sys

import duckdb

connection = duckdb.connect(config={"threads": 2})
words = rf"select unnest(regexp_extract_all(lower(text), '[\p{{L}}\p{{M}}\p{{N}}]+')) as word from '{sys.argv[1]}'"
counted = f"select word, count(*) as tf from ({words}) group by word"
row = connection.execute(f"select count(*), sum(tf) from ({counted})").fetchone()
assert row is not None
print(json.dumps({"types": row[0], "tokens": int(row[1])}))
