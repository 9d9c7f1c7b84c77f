"""The road as its users see it: the Python API, the strategies, and the same bits whatever happens underneath."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import oracle
import pytest
from conftest import files_of_runs, shared_file
from test_exactness import expected, select, selected

from zipcal_spark import InputError, ZipCal
from zipcal_spark.config import SelectJob
from zipcal_spark.corpus import from_paths
from zipcal_spark.result import Kept


@pytest.fixture(scope="module")
def documents():
    rng = np.random.default_rng(21)
    return [(f"d{n:03}", " ".join(f"t{t}" for t in rng.zipf(1.25, n % 25 + 1) % 900)) for n in range(300)]


def test_result_has_tables_and_a_typed_report(frame, documents):
    rows = [*documents, ("nothing", "  "), ("null", None)]
    with ZipCal(k=7).select(frame(rows)) as result:
        assert dict(result.selection.dtypes) == {
            "rank": "int",
            "id": "string",
            "domain": "string",
            "text": "string",
            "units": "int",
            "distinct_terms": "int",
            "gain": "double",
            "coverage": "double",
            "layer": "int",
        }
        texts = dict(documents)
        for row in result.selection.collect():
            assert row["text"] == texts[row["id"]]
            assert row["units"] == len(texts[row["id"]].split())
            assert row["distinct_terms"] == len(set(texts[row["id"]].split()))
        assert {tuple(row) for row in result.quarantine.collect()} == {
            ("nothing", None, "  ", "blank text"),
            ("null", None, None, "null text"),
        }
        selection = result.report.selection
        corpus = oracle.corpus(documents)
        assert selection.k == 7
        assert selection.exact
        assert selection.coverage == selection.covered_terms
        assert selection.total == len(corpus.tf)
        assert 0 < selection.random_coverage < selection.coverage
        assert 0.5 < selection.certified_fraction <= 1
        assert [pick.id for pick in selection.first_picks] == [pick[0] for pick in expected(documents, 7)]
        first = selection.first_picks[0]
        assert first.new_terms == expected(documents, 7)[0][1]
        window = set(texts[first.id].split())
        assert first.terms == sorted(window, key=lambda term: (corpus.tf[term], term))[:6]


def test_random_coverage_is_what_random_documents_cover(frame, documents):
    corpus = oracle.corpus(documents)
    weight = oracle.weights(corpus, "rarity")
    with ZipCal(k=20, weights="rarity").select(frame(documents)) as result:
        said = result.report.selection.random_coverage
    rng = np.random.default_rng(0)
    ids = list(corpus.windows)
    drawn = [oracle.coverage_of(corpus, rng.choice(ids, 20, replace=False), weight) / oracle.SCALE for _ in range(400)]
    assert said == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / 20)


def test_the_callers_session_stays_as_it_is(spark, frame, documents):
    before = dict(spark.conf.getAll)
    with ZipCal(k=3, weights="idf").select(frame(documents)) as result:
        result.selection.collect()
    assert dict(spark.conf.getAll) == before
    assert spark.sql("select 1").first()[0] == 1


def test_nothing_is_kept_on_the_executors_afterwards(spark, frame, documents):
    def kept():
        return len(spark.sparkContext._jsc.getPersistentRDDs())

    before = kept()
    with ZipCal(k=3, weights="idf").select(frame(documents)) as result:
        result.vocabulary.count()
        assert kept() > before
    assert kept() == before
    with pytest.raises(InputError):
        ZipCal(k=3).select(frame([("a", None)]))
    assert kept() == before


def test_no_file_of_a_run_is_left_afterwards(frame, documents):
    before = files_of_runs(os.getpid())
    with ZipCal(k=3, weights="idf").select(frame(documents)):
        (folder,) = set(files_of_runs(os.getpid())) - set(before)
        assert list(folder.rglob("*-0"))
    with pytest.raises(InputError):
        ZipCal(k=3).select(frame([("a", None)]))
    assert files_of_runs(os.getpid()) == before


def test_files_of_a_run_are_where_spark_has_its_own(spark, monkeypatch, tmp_path):
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"{tmp_path / 'large disk'},/other")
    kept = Kept(spark)
    assert Path(kept.folder("any")).is_relative_to(tmp_path / "large disk")
    kept.release()


def test_files_of_dead_runs_are_removed_by_the_next_one_and_those_of_living_ones_are_not(frame, documents):
    dead = subprocess.Popen(["true"])
    dead.wait()
    folders = [Path(tempfile.mkdtemp(prefix=f"zipcal-run-{pid}-")) for pid in (dead.pid, os.getppid())]
    try:
        with ZipCal(k=3).select(frame(documents)):
            assert [folder.exists() for folder in folders] == [False, True]
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(
    "parameters", [{}, {"weights": "idf"}, {"weights": "rarity", "broadcast_limit": 0}], ids=["uniform", "idf", "join"]
)
@pytest.mark.parametrize("candidates", [7, 20_000])
def test_where_workers_may_be_elsewhere_blocks_travel_with_the_same_result(
    frame, documents, true_partitions, monkeypatch, parameters, candidates
):
    from zipcal_spark import result as results

    monkeypatch.setattr(results, "works_here", lambda spark: False)
    with ZipCal(k=20, candidates=candidates, **parameters).select(frame(documents, 7)) as result:
        assert selected(result) == expected(documents, 20, parameters.get("weights", "uniform"))
        assert result.kept.folder("any") is None


def test_text_id_and_domain_columns_are_chosen_by_name(spark):
    df = spark.createDataFrame(
        [(1, "en", "one two"), (2, "fr", "deux mots ici")], "`the key` int, lang string, `my body` string"
    )
    zipcal = ZipCal(k=2, text_column="my body", id_column="the key", domain_column="lang")
    with zipcal.select(df) as result:
        rows = result.selection.orderBy("rank").collect()
        assert dict(result.selection.dtypes)["id"] == "int"
    assert [(row["id"], row["domain"]) for row in rows] == [(2, "fr"), (1, "en")]


def test_a_selected_id_of_several_documents_is_an_error_that_names_it(frame):
    with pytest.raises(InputError, match=r"'twin' belongs to more than one document"):
        ZipCal(k=2).select(frame([("twin", "a b c"), ("twin", "d e"), ("x", "a")]))


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"k": 0}, "k is 0"),
        ({"k": 1.5}, "k is 1.5"),
        ({"k": True}, "k is True"),
        ({"max_length": -1}, "max_length is -1"),
        ({"min_doc_freq": 0}, "min_doc_freq is 0"),
        ({"candidates": 0}, "candidates is 0"),
        ({"weights": "tfidf"}, "weights is 'tfidf'.*uniform.*rarity.*idf"),
        ({"unit": "token"}, "unit is 'token'"),
        ({"strategy": "best"}, "strategy is 'best'"),
    ],
)
def test_wrong_parameters_say_what_is_wrong(parameters, sentence):
    with pytest.raises(InputError, match=sentence):
        ZipCal(**parameters)


def test_a_corpus_without_a_usable_document_says_why(frame):
    with pytest.raises(InputError, match="1 no units, 2 null text"):
        ZipCal().select(frame([("a", None), ("b", None), ("c", "...")]))


class TestStrategies:
    def ids(self, frame, documents, **parameters):
        return [row[0] for row in select(frame(documents, 3), **parameters)]

    @pytest.mark.parametrize("weights", ["uniform", "rarity"])
    def test_top_score_takes_the_largest_summed_weights(self, frame, true_partitions, documents, weights):
        corpus = oracle.corpus(documents)
        weight = oracle.weights(corpus, weights)
        own = {id_: sum(weight[term] for term in set(window)) for id_, window in corpus.windows.items()}
        wanted = sorted(own, key=lambda id_: (-own[id_], id_))[:25]
        got = select(frame(documents, 3), k=25, strategy="top-score", weights=weights)
        assert [row[0] for row in got] == wanted
        for rank, (_, gain, coverage, layer) in enumerate(got):
            before = oracle.coverage_of(corpus, wanted[:rank], weight)
            after = oracle.coverage_of(corpus, wanted[: rank + 1], weight)
            assert (gain, coverage, layer) == ((after - before) / oracle.SCALE, after / oracle.SCALE, 1)

    def test_longest_takes_the_longest_texts(self, frame, documents):
        wanted = sorted(documents, key=lambda row: (-len(row[1]), row[0]))[:25]
        assert self.ids(frame, documents, k=25, strategy="longest") == [id_ for id_, _ in wanted]

    def test_random_depends_on_the_seed_and_on_nothing_else(self, frame, documents):
        first = self.ids(frame, documents, k=25, strategy="random", seed=1)
        assert first == [row[0] for row in select(frame(documents[::-1], 7), k=25, strategy="random", seed=1)]
        assert first != self.ids(frame, documents, k=25, strategy="random", seed=2)
        assert len(set(first)) == 25

    def test_one_round_in_one_partition_is_the_greedy(self, frame, documents):
        got = select(frame(documents, 1), k=25, strategy="one-round")
        assert got == expected(documents, 25)

    def test_one_round_in_many_partitions_comes_close(self, frame, true_partitions, documents):
        got = select(frame(documents, 7), k=25, strategy="one-round")
        assert len({row[0] for row in got}) == 25
        exact = expected(documents, 25)
        assert 0.9 * exact[-1][2] <= got[-1][2] <= exact[-1][2] * 1.02

    def test_one_round_goes_through_layers_and_takes_everything(self, frame, true_partitions, documents):
        got = select(frame(documents, 7), k=1000, strategy="one-round", candidates=900)
        assert sorted(row[0] for row in got) == sorted(id_ for id_, _ in documents)

    @pytest.mark.parametrize("strategy", ["exact", "lp", "one-round", "top-score", "random", "longest"])
    @pytest.mark.parametrize("weights", ["uniform", "idf"])
    def test_all_documents_are_taken_also_where_none_has_weight(self, frame, strategy, weights):
        same = [("a", "x"), ("b", "x")]  # log(N/df) is 0
        assert sorted(self.ids(frame, same, k=5, strategy=strategy, weights=weights)) == ["a", "b"]

    @pytest.mark.parametrize("strategy", ["one-round", "top-score", "random", "longest"])
    def test_their_certificate_is_true_too(self, frame, strategy):
        from itertools import combinations

        few = [(f"d{n}", text) for n, text in enumerate(["a b c", "c d", "e f", "a e", "g", "b g h", "x a b c"])]
        corpus = oracle.corpus(few)
        weight = oracle.weights(corpus)
        optimum = max(oracle.coverage_of(corpus, chosen, weight) for chosen in combinations(corpus.windows, 3))
        with ZipCal(k=3, strategy=strategy).select(frame(few)) as result:
            selection = result.report.selection
        assert not selection.exact
        assert selection.certified_fraction <= selection.coverage * oracle.SCALE / optimum
        assert selection.certified_fraction > 0.4


class TestTheSameBits:
    """Whatever Spark does underneath."""

    wanted: list

    @pytest.fixture(autouse=True)
    def _wanted(self, documents, true_partitions):
        self.wanted = expected(documents, 60, "idf")

    def run(self, df):
        return select(df, k=60, weights="idf", candidates=100)

    def test_after_a_shuffle_of_the_rows(self, frame, documents):
        shuffled = [documents[n] for n in np.random.default_rng(1).permutation(len(documents))]
        assert self.run(frame(shuffled, 7)) == self.wanted

    @pytest.mark.parametrize("setting", ["spark.sql.adaptive.enabled", "spark.sql.ansi.enabled"])
    @pytest.mark.parametrize("value", ["true", "false"])
    def test_with_a_setting_on_and_off(self, spark, frame, documents, setting, value):
        before = spark.conf.get(setting)
        spark.conf.set(setting, value)
        try:
            assert self.run(frame(documents, 7)) == self.wanted
        finally:
            spark.conf.set(setting, before)

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("spark.sql.execution.arrow.maxRecordsPerBatch", "3"),
            ("spark.sql.shuffle.partitions", "13"),
            ("spark.sql.execution.arrow.useLargeVarTypes", "true"),
            ("spark.sql.autoBroadcastJoinThreshold", "-1"),
            ("spark.sql.caseSensitive", "true"),
            ("spark.sql.session.timeZone", "Asia/Kolkata"),
        ],
    )
    def test_with_other_settings_of_the_session(self, spark, frame, documents, setting, value):
        before = spark.conf.get(setting)
        spark.conf.set(setting, value)
        try:
            assert self.run(frame(documents, 7)) == self.wanted
        finally:
            spark.conf.set(setting, before)

    @pytest.mark.parametrize("kind", ["parquet", "json"])
    def test_from_files_of_another_format(self, spark, frame, documents, kind, tmp_path):
        frame(documents, 5).write.format(kind).save(str(tmp_path / "in"))
        job = SelectJob(input=(str(tmp_path / "in"),), output="unused", k=60, weights="idf")
        from zipcal_spark import pipeline

        with pipeline.select(from_paths(spark, job, job), job) as result:
            assert selected(result) == self.wanted

    def test_where_first_attempts_of_tasks_fail(self, frame, documents, tmp_path):
        folder = str(tmp_path)

        def fail_first(batches):
            import os

            from pyspark import TaskContext

            context = TaskContext.get()
            rows = list(batches)
            if context.partitionId() in (1, 4) and context.attemptNumber() == 0:
                with open(os.path.join(folder, f"{context.partitionId()}-{context.taskAttemptId()}"), "w"):
                    raise RuntimeError("the first attempt fails")
            yield from rows

        df = frame(documents, 7).mapInArrow(fail_first, "id string, text string")
        assert self.run(df) == self.wanted
        assert len(list(tmp_path.iterdir())) >= 2, "no attempt failed"

    def test_where_kept_blocks_are_lost_between_stages(self, spark, frame, documents, monkeypatch):
        from zipcal_spark.coverage.distributed import Partitions

        everything = Partitions.everything
        lost = []

        def lose_then_read(self):
            for rdd in spark.sparkContext._jsc.getPersistentRDDs().values():
                rdd.unpersist(True)
                lost.append(rdd)
            return everything(self)

        monkeypatch.setattr(Partitions, "everything", lose_then_read)
        assert self.run(frame(documents, 7)) == self.wanted
        assert lost


def test_real_text_of_many_files_is_selected_by_paths(spark):
    names = ["xquad_en.jsonl.gz", "xquad_zh.jsonl.gz", "xcopa_ta.jsonl.gz"]
    paths = [shared_file(name) for name in names]
    documents = []
    for path in paths:
        with gzip.open(path) as lines:
            documents += [(row["id"], row["text"]) for row in map(json.loads, lines)]
    job = SelectJob(input=tuple(f"{path.name.split('.')[0]}={path}" for path in paths), output="unused", k=100)
    from zipcal_spark import pipeline

    with pipeline.select(from_paths(spark, job, job), job) as result:
        assert selected(result) == expected(documents, 100)
        domains = {row["id"]: row["domain"] for row in result.selection.collect()}
    assert all(id_.startswith(domain) for id_, domain in domains.items())
