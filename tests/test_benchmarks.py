"""The benchmarks' own parts: corpora that are the same everywhere, peers that do the same work, pages that add up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import oracle
import pyarrow.parquet as pq
import pytest

from benchmarks import report
from benchmarks.generate import WORKLOADS, Workload, vocabulary, write

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "benchmarks" / "peers"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("benchmarks") / "corpus.parquet"
    write(Workload(300, 40, seed=8), path, vocabulary(2_000))
    return path


def peer(name: str, *arguments: object) -> dict:
    command = [sys.executable, str(PEERS / f"{name}.py"), *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def documents_in(path: Path) -> list[tuple]:
    table = pq.read_table(path)
    return list(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))


def test_a_corpus_is_the_same_each_time_and_its_documents_are_not_repeated(corpus, tmp_path):
    write(Workload(300, 40, seed=8), tmp_path / "again.parquet", vocabulary(2_000))
    assert documents_in(tmp_path / "again.parquet") == documents_in(corpus)
    texts = [text for _, text in documents_in(corpus)]
    assert len(set(texts)) == len(texts) == 300
    assert 30 < sum(len(oracle.units(text)) for text in texts) / 300 < 50


def test_words_of_the_vocabulary_are_distinct():
    words = vocabulary(5_000).to_pylist()
    assert len(set(words)) == 5_000
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)


def test_the_plain_peer_selects_what_the_oracle_selects(corpus):
    found = peer("plain_greedy", corpus, 20)
    plain = oracle.corpus(documents_in(corpus))
    wanted = [pick.id for pick in oracle.greedy(plain, 20, oracle.weights(plain))]
    assert found["ids"] == wanted


def test_the_papers_method_covers_no_more_than_the_greedy(corpus):
    paper, plain = (peer(name, corpus, 20)["covered"] for name in ("paper_method", "plain_greedy"))
    # All 300 documents are among its 2,000 candidates: it differs in ties only.
    assert 0.9 * plain < paper <= 1.05 * plain


def test_duckdb_counts_the_same_words(corpus):
    pytest.importorskip("duckdb")
    units = [unit for _, text in documents_in(corpus) for unit in oracle.units(text)]
    assert peer("duckdb_count", corpus) == {"types": len(set(units)), "tokens": len(units)}


# --- Pages ---


def compared(**sides: list[float]) -> dict:
    timings = {"read": 4.0, "statistics": 1.0, "select": 2.0}
    runs = {side: [{"seconds": value, "timings": timings} for value in values] for side, values in sides.items()}
    return {
        "runs": runs,
        "median_seconds": {side: sorted(values)[len(values) // 2] for side, values in sides.items()},
        "peak_bytes": dict.fromkeys(sides, 2 << 30),
        "versions": {"python": "3"},
        "machine": {"cores": 2, "memory": 8 << 30, "system": "a machine"},
    }


def test_figures_are_medians_of_ratios_run_by_run():
    results = {"a": compared(zipcal=[20.0, 60.0, 10.0], duckdb=[10.0, 20.0, 10.0])}
    rows = {name: value for name, _, _, value in report.figures(results)}
    assert rows["select on a over DuckDB's count of a"] == "2.00"
    assert rows["peak memory on a"] == "2.0 GiB"
    assert rows["rounds over the statistics stage, a"] == "0.40"
    assert len(rows) == 3  # nothing that was not measured


def test_spark_pays_where_the_lines_cross():
    sizes = [WORKLOADS[name].documents for name in ("small", "middle", "a")]
    results = {
        "small": compared(zipcal=[20.0], plain=[2.0]),
        "paper": compared(zipcal=[30.0], plain=[20.0], paper=[99.0]),
        "plain": compared(zipcal=[50.0], plain=[100.0]),
    }
    points = report.sweep(results)
    assert points["plain"] == list(zip(sizes, [2.0, 20.0, 100.0], strict=True))
    assert report.pays_from(points) == round(200_000 + 800_000 * 10 / 60)
    assert report.pays_from({"zipcal": [(1, 9.0), (2, 9.0)], "plain": [(1, 2.0), (2, 3.0)]}) is None


def test_the_pages_are_those_of_the_committed_results():
    folder = ROOT / "benchmarks"
    results = report._results(folder / "results")
    page = report.render(results, (folder / "notes.md").read_text())
    assert (ROOT / "docs" / "performance.md").read_text() == page
    scaling = report.render_scaling(results, (folder / "scaling.md.template").read_text())
    assert (ROOT / "docs" / "scaling.md").read_text() == scaling
