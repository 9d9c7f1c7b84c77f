"""The distributed selection is the sequential greedy's, pick by pick, on any partitioning: the oracle decides."""

from __future__ import annotations

import gzip
import json

import oracle
import pyarrow as pa
import pytest
from conftest import SHARED, shared_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zipcal_spark import ZipCal

PARTITIONS = [1, 2, 7, 64]
WEIGHTS = ["uniform", "rarity", "idf"]

# Few letters and short texts: many ties, duplicates, empty documents, documents of one term.
_texts = st.lists(st.sampled_from("a b c d e f g h ab cd é ß 中 的".split()), max_size=7).map(" ".join)
_nothing = st.sampled_from([None, "", "  ", "...", "!?"])


@st.composite
def corpora(draw, max_size=40):
    texts = draw(st.lists(st.one_of(_texts, _texts, _texts, _nothing), min_size=1, max_size=max_size))
    texts.append(draw(st.sampled_from(["a", "a b", "z y x"])))  # at least one document can be used
    if draw(st.booleans()):
        return [(number * 7 % 101, text) for number, text in enumerate(texts)]
    return [(f"d{number * 7 % 101}", text) for number, text in enumerate(texts)]


def expected(documents, k, weights="uniform", min_doc_freq=1, unit="word", max_length=128):
    corpus = oracle.corpus(documents, unit, max_length)
    picks = oracle.greedy(corpus, k, oracle.weights(corpus, weights, min_doc_freq))
    return [tuple(pick) for pick in picks]


def selected(result):
    rows = result.selection.orderBy("rank").collect()
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    return [(row["id"], row["gain"], row["coverage"], row["layer"]) for row in rows]


def select(df, **parameters):
    with ZipCal(**parameters).select(df) as result:
        return selected(result)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_equals_the_oracle_on_corpora_full_of_ties(frame, data):
    documents = data.draw(corpora())
    k = data.draw(st.integers(1, len(documents) + 3))
    weights = data.draw(st.sampled_from(WEIGHTS))
    min_doc_freq = data.draw(st.sampled_from([1, 1, 2, 3]))
    candidates = data.draw(st.sampled_from([1, 2, 5, 20_000]))
    broadcast_limit = data.draw(st.sampled_from([0, 2_000_000]))
    wanted = expected(documents, k, weights, min_doc_freq)
    for partitions in PARTITIONS:
        got = select(
            frame(documents, partitions),
            k=k,
            weights=weights,
            min_doc_freq=min_doc_freq,
            candidates=candidates,
            broadcast_limit=broadcast_limit,
        )
        assert got == wanted, f"{partitions} partitions"
