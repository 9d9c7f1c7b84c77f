"""The output folder: its tables as the data contracts say, and all or nothing, also where a run is killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from zipcal_spark import InputError, Report, ZipCal, output, pipeline, result, run
from zipcal_spark.config import SelectJob
from zipcal_spark.corpus import from_dataframe
from zipcal_spark.progress import Silent

MAX_LENGTH = 12


def documents():
    """Rows (id, lang, text): a long tail of terms, longer texts than windows, and four that cannot be used."""
    rng = random.Random(7)
    words = [f"w{n}" for n in range(200)] + ["ä", "日", "zebra", "a", "ab", "a0", "éa", "\U0001d7d8"]
    rows = []
    for n in range(90):
        length = rng.randrange(1, 25)
        rows.append((n - 5, rng.choice(["en", None]), " ".join(rng.choices(words, range(len(words), 0, -1), k=length))))
    return [*rows, (1000, "en", None), (1001, None, " "), (1002, "en", "..."), (None, "en", "w1")]


def window(text):
    return (text or "").replace(".", " ").split()[:MAX_LENGTH]


@pytest.fixture(scope="module")
def selected(spark):
    ids, langs, texts = zip(*documents(), strict=True)
    table = pa.table({"id": pa.array(ids, pa.int32()), "lang": langs, "text": texts})
    with ZipCal(k=7, max_length=MAX_LENGTH, domain_column="lang").select(spark.createDataFrame(table)) as found:
        yield found


@pytest.fixture(scope="module", params=["parquet", "json"])
def written(request, selected, tmp_path_factory):
    """Folder, format and the report that `write` returned."""
    folder = tmp_path_factory.mktemp("written") / request.param
    return folder, request.param, selected.write(str(folder), request.param)


def table(folder, name, format_="parquet"):
    if format_ == "parquet":
        return ds.dataset(folder / name, format=format_).to_table()
    rows = json_rows(folder / name)
    names = dict.fromkeys(key for row in rows for key in row)
    return pa.table({key: [row.get(key) for row in rows] for key in names})


def json_rows(folder):
    files = sorted(folder.glob("*.json"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").split("\n") if line]


def visible(folder):
    """Names in a folder, without the checksums that Hadoop's local file system puts beside its files."""
    return {path.name for path in folder.iterdir() if not (path.name.startswith(".") and path.name.endswith(".crc"))}


def snapshot(folder):
    """All that is below a folder: bytes and times of files."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else None
        for path in folder.rglob("*")
    }


# Tables and report


def test_the_folder_holds_three_tables_and_a_report(written):
    folder, format_, _ = written
    assert visible(folder) == {"selection", "vocabulary", "quarantine", "report.json"}
    for name in ("selection", "vocabulary", "quarantine"):
        data = visible(folder / name) - {"_SUCCESS"}
        assert data
        assert all(file.endswith(f".{format_}") for file in data)
    assert visible(folder.parent) == {format_}


def test_columns_have_the_names_and_types_of_the_contracts(selected, tmp_path):
    selected.write(str(tmp_path / "out"))
    string, int_, long, double = pa.string(), pa.int32(), pa.int64(), pa.float64()
    assert list(zip(*schema_of(tmp_path / "out" / "selection"), strict=True)) == [
        ("rank", int_),
        ("id", int_),  # as the input's
        ("domain", string),
        ("text", string),
        ("units", int_),
        ("distinct_terms", int_),
        ("gain", double),
        ("coverage", double),
        ("layer", int_),
    ]
    assert list(zip(*schema_of(tmp_path / "out" / "vocabulary"), strict=True)) == [
        ("term", string),
        ("tf", long),
        ("df", long),
        ("rank", int_),
    ]
    assert list(zip(*schema_of(tmp_path / "out" / "quarantine"), strict=True)) == [
        ("id", int_),
        ("domain", string),
        ("text", string),
        ("reason", string),
    ]


def schema_of(folder):
    schema = ds.dataset(folder, format="parquet").schema
    return schema.names, schema.types


@pytest.mark.parametrize("type_", [pa.string(), pa.int64()])
def test_ids_in_the_output_have_the_type_of_the_input(spark, tmp_path, type_):
    columns = {"id": pa.array(["1", "2"]).cast(type_), "text": ["a", ""]}
    with ZipCal().select(spark.createDataFrame(pa.table(columns))) as found:
        found.write(str(tmp_path / "out"))
    for name in ("selection", "quarantine"):
        assert table(tmp_path / "out", name).schema.field("id").type == type_


def test_tables_without_rows_have_their_columns(spark, tmp_path):
    with ZipCal().select(spark.createDataFrame(pa.table({"id": ["x"], "text": ["a"]}))) as found:
        found.write(str(tmp_path / "out"))
    quarantine = table(tmp_path / "out", "quarantine")
    assert (len(quarantine), quarantine.schema.names) == (0, ["id", "domain", "text", "reason"])


def test_rows_of_json_have_all_columns_where_values_are_null(spark, tmp_path):
    with ZipCal().select(spark.createDataFrame(pa.table({"id": ["x"], "text": ["a"]}))) as found:
        found.write(str(tmp_path / "out"), "json")
    assert set(json_rows(tmp_path / "out" / "selection")[0]) == set(found.selection.columns)


def test_the_selection_is_one_file_in_the_order_of_its_ranks(written):
    folder, format_, _ = written
    assert len(visible(folder / "selection") - {"_SUCCESS"}) == 1
    rows = table(folder, "selection", format_).to_pylist()
    assert [row["rank"] for row in rows] == list(range(1, 8))
    of = {id_: (lang, text) for id_, lang, text in documents()}
    covered = set()
    for row in rows:
        lang, text = of[row["id"]]
        assert (row.get("domain"), row["text"]) == (lang, text)
        terms = set(window(text))
        assert (row["units"], row["distinct_terms"]) == (len(window(text)), len(terms))
        assert row["gain"] == len(terms - covered)
        covered |= terms
        assert row["coverage"] == len(covered)
        assert row["layer"] == 1
    assert [row["gain"] for row in rows] == sorted((row["gain"] for row in rows), reverse=True)


def test_the_vocabulary_equals_a_plain_count(written):
    folder, format_, report = written
    windows = [window(text) for id_, _, text in documents() if id_ is not None]
    tf = Counter(term for terms in windows for term in terms)
    df = Counter(term for terms in windows for term in set(terms))
    in_order = sorted(tf, key=lambda term: (-tf[term], term))
    rows = table(folder, "vocabulary", format_).select(["term", "tf", "df", "rank"]).to_pylist()
    found = sorted((tuple(row.values()) for row in rows), key=lambda row: row[3])
    assert found == [(term, tf[term], df[term], rank) for rank, term in enumerate(in_order, 1)]
    assert (report.vocabulary.types, report.vocabulary.tokens) == (len(tf), sum(tf.values()))
    assert report.vocabulary.hapaxes == sum(count == 1 for count in tf.values())


def test_the_quarantine_holds_every_row_that_was_not_used(written):
    folder, format_, report = written
    rows = table(folder, "quarantine", format_).to_pylist()
    found = {(row["id"], row.get("domain"), row["text"], row["reason"]) for row in rows}
    assert found == {
        (1000, "en", None, "null text"),
        (1001, None, " ", "blank text"),
        (1002, "en", "...", "no units"),
        (None, "en", "w1", "null id"),
    }
    counts = report.documents
    assert (counts.read, counts.eligible, counts.quarantined) == (94, 90, 4)
    assert counts.by_reason == {"null text": 1, "blank text": 1, "no units": 1, "null id": 1}


def test_the_report_reads_back_as_it_was_written(written, selected):
    folder, _, report = written
    text = (folder / "report.json").read_text(encoding="utf-8")
    assert Report.from_json(text) == report
    assert replace(report, timings={}) == replace(selected.report, timings={})
    assert Report.from_json(report.to_json()).to_json() == text


def test_the_report_has_the_parts_of_the_contract(written):
    folder, _, _ = written
    data = json.loads((folder / "report.json").read_bytes())
    assert set(data) == {
        "documents",
        "vocabulary",
        "selection",
        "parameters",
        "input",
        "versions",
        "timings",
    }
    assert set(data["documents"]) == {"read", "eligible", "quarantined", "by_reason"}
    assert {"types", "tokens", "hapaxes", "zipf"} <= set(data["vocabulary"])
    selection = data["selection"]
    assert {
        "k",
        "covered_terms",
        "coverage",
        "total",
        "certified_fraction",
        "exact",
        "rounds",
        "random_coverage",
    } <= set(selection)
    assert (selection["k"], selection["exact"]) == (7, True)
    assert selection["coverage"] == selection["covered_terms"] <= selection["total"] == data["vocabulary"]["types"]
    assert 0 < selection["certified_fraction"] <= 1
    assert 0 < selection["random_coverage"] < selection["coverage"]
    assert selection["first_picks"][0]["id"] == table(folder, "selection", written[1])["id"][0].as_py()
    assert data["parameters"]["max_length"] == MAX_LENGTH
    assert data["input"][0]["schema"] == "id int, lang string, text string"
    assert {"zipcal-spark", "spark", "python"} <= set(data["versions"])
    assert "write" in data["timings"]
    assert all(seconds >= 0 for seconds in data["timings"].values())


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"selection": null}', '{"selection": {"k": 1}}', "{", "null"])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(InputError, match="no report of this version"):
        Report.from_json(text)


def test_statistics_alone_write_no_selection(spark, tmp_path):
    parameters = ZipCal()
    df = spark.createDataFrame(pa.table({"id": [1, 2], "text": ["b a", "b"]}))
    with pipeline.statistics(from_dataframe(df, parameters), parameters) as counted:
        report = counted.write(str(tmp_path / "out"))
    assert visible(tmp_path / "out") == {"vocabulary", "quarantine", "report.json"}
    assert report.selection is None
    assert Report.from_json((tmp_path / "out" / "report.json").read_text()) == report
    rows = sorted(table(tmp_path / "out", "vocabulary").to_pylist(), key=lambda row: row["rank"])
    assert [tuple(row.values()) for row in rows] == [("b", 2, 2, 1), ("a", 1, 1, 2)]


@pytest.mark.parametrize("name", ["a b", "ü 日", "x%20y+z", "[1]{a}*", "k=v", "new/folders/out", "a:b", "trailing/"])
def test_the_folder_may_have_any_name(small, tmp_path, name):
    small.write(f"{tmp_path}/{name}")
    folder = Path(f"{tmp_path}/{name}")
    assert visible(folder) == {"vocabulary", "quarantine", "report.json"}
    assert len(list(folder.parent.iterdir())) == 1


# Existing outputs


@pytest.fixture(scope="module")
def small(spark):
    """A result that is written in no time."""
    parameters = ZipCal()
    df = spark.createDataFrame(pa.table({"id": [1], "text": ["a"]}))
    with pipeline.statistics(from_dataframe(df, parameters), parameters) as counted:
        yield counted


@pytest.fixture(scope="module")
def old_output(small, tmp_path_factory):
    """An output of an earlier run, to be copied."""
    folder = tmp_path_factory.mktemp("old") / "out"
    small.write(str(folder), "json")
    return folder


@pytest.fixture
def old(old_output, tmp_path):
    """tmp_path/out, an output of an earlier run, and all that is in it."""
    shutil.copytree(old_output, tmp_path / "out")
    return tmp_path / "out", snapshot(tmp_path / "out")


def check(spark, folder, overwrite=False, inputs=()):
    output.check_output(spark, str(folder), overwrite, tuple(map(str, inputs)))


def test_an_existing_output_is_refused_and_stays(spark, small, old):
    folder, before = old
    with pytest.raises(InputError, match=r"out exists already: choose another --output, or .* --overwrite"):
        small.write(str(folder))
    with pytest.raises(InputError, match="exists already"):
        check(spark, folder)
    assert snapshot(folder) == before
    assert visible(folder.parent) == {"out"}


def test_overwrite_replaces_all_of_an_existing_output(small, old):
    folder, before = old
    small.write(str(folder), "parquet", overwrite=True)
    assert not before.keys() & {
        path for path in snapshot(folder) if path.suffix == ".json" and path.parts[0] != "report.json"
    }
    assert len(table(folder, "vocabulary")) == 1
    assert visible(folder.parent) == {"out"}


def test_overwrite_takes_an_empty_folder_or_none(small, tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "none"):
        small.write(str(tmp_path / name), overwrite=True)
    assert visible(tmp_path) == {"empty", "none"}


@pytest.mark.parametrize(
    "foreign",
    [
        "notes.txt",
        "report.json",
    ],
)
def test_overwrite_refuses_a_folder_that_is_no_output_of_zipcal(small, tmp_path, foreign):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / foreign).write_text('{"years": "of work"}')
    (tmp_path / "out" / "data").mkdir()
    before = snapshot(tmp_path / "out")
    with pytest.raises(InputError, match=r"is not an output of zipcal .* choose another"):
        small.write(str(tmp_path / "out"), overwrite=True)
    assert snapshot(tmp_path / "out") == before


def test_overwrite_refuses_a_file(small, tmp_path):
    (tmp_path / "out").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(InputError):
            small.write(str(tmp_path / "out"), overwrite=overwrite)
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("place", ["in", "in/", "in/out", "in/deep/out", "in/../in/out"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_output_in_an_input_is_refused(spark, tmp_path, place, overwrite):
    with pytest.raises(InputError, match=r"The output .* lies in the input .*: write it elsewhere"):
        check(spark, f"{tmp_path}/{place}", overwrite, [tmp_path / "other", f"{tmp_path}/in"])


def test_an_output_beside_an_input_is_taken(spark, tmp_path):
    check(spark, tmp_path / "input2", False, [tmp_path / "input", tmp_path / "*.jsonl"])


@pytest.fixture
def corpus_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text('{"id":"x","text":"one"}\n')
    return tmp_path / "in"


def select(spark, *inputs, out, **parameters):
    """As the command does it; `spark` is the active session, which it takes."""
    job = SelectJob(input=tuple(map(str, inputs)), output=str(out), **parameters)
    return run.run_select(job, Silent())


def test_an_output_in_a_named_input_is_refused(spark, corpus_folder):
    with pytest.raises(InputError, match="lies in the input"):
        select(spark, f"wiki={corpus_folder}", out=corpus_folder / "out")


def test_a_named_input_may_be_a_uri(spark, corpus_folder, tmp_path):
    select(spark, f"wiki=file://{corpus_folder}", out=tmp_path / "out")
    assert table(tmp_path / "out", "selection")["domain"].to_pylist() == ["wiki"]


@pytest.mark.parametrize("inside", ["selection", "selection/*.json"])
def test_an_input_in_the_output_is_refused(spark, old, inside):
    with pytest.raises(InputError):
        check(spark, old[0], True, [old[0] / inside])


def test_the_root_folder_is_refused(spark):
    with pytest.raises(InputError, match="name one below it"):
        check(spark, "/")


def test_an_output_is_refused_before_any_text_is_read(spark, old, tmp_path):
    with pytest.raises(InputError, match="out exists already"):
        select(spark, tmp_path / "no such input", out=old[0])


# All or nothing


def failing_at(number, error):
    """`output.write_table`, which fails at the table of this number, from 1, when it has written it."""
    write_table, calls = output.write_table, []

    def write(*arguments):
        write_table(*arguments)
        calls.append(arguments)
        if len(calls) == number:
            raise error

    return write


@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()], ids=["error", "interrupt"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_failure_while_writing_leaves_nothing(small, tmp_path, monkeypatch, number, error):
    monkeypatch.setattr(output, "write_table", failing_at(number, error))
    with pytest.raises(type(error)):
        small.write(str(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [1, 2])
def test_a_failure_while_overwriting_leaves_the_old_output(small, old, monkeypatch, number):
    folder, before = old
    monkeypatch.setattr(output, "write_table", failing_at(number, OSError("the disk is full")))
    with pytest.raises(OSError, match="disk"):
        small.write(str(folder), overwrite=True)
    assert snapshot(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_a_failure_at_the_report_leaves_the_old_output(small, old, monkeypatch):
    folder, before = old

    def write(self, path, content):
        raise OSError("the disk is full")

    monkeypatch.setattr(result.Files, "write", write)
    with pytest.raises(OSError, match="disk"):
        small.write(str(folder), overwrite=True)
    assert snapshot(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("number", [1, 2])
def test_a_failure_at_either_rename_leaves_the_old_output(small, old, monkeypatch, number):
    folder, before = old
    move, calls = output.Files.move, []

    def failing(self, source, target):
        calls.append(source)
        if len(calls) == number:
            raise OSError("no such rights")
        move(self, source, target)

    monkeypatch.setattr(output.Files, "move", failing)
    with pytest.raises(OSError, match="rights"):
        small.write(str(folder), overwrite=True)
    assert snapshot(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_after_a_failure_the_same_result_can_be_written(small, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(output, "write_table", failing_at(1, OSError()))
        with pytest.raises(OSError):  # noqa: PT011
            small.write(str(tmp_path / "out"))
    small.write(str(tmp_path / "out"))
    assert visible(tmp_path / "out") == {"vocabulary", "quarantine", "report.json"}


def test_an_output_that_another_run_completes_meanwhile_stays(small, tmp_path, monkeypatch):
    write_table = output.write_table

    def write_and_wait(*arguments):
        write_table(*arguments)
        (tmp_path / "out" / "theirs").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(output, "write_table", write_and_wait)
    with pytest.raises(InputError, match="exists already"):
        small.write(str(tmp_path / "out"))
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "out", tmp_path / "out" / "theirs"]


def test_nothing_is_at_the_output_before_all_is_written(spark, tmp_path):
    with output.written_aside(spark, str(tmp_path / "out"), False) as aside:
        folder = Path(aside.removeprefix("file:"))
        (folder / "half").touch()
        assert not (tmp_path / "out").exists()
        assert folder.parent == tmp_path
        assert folder.name.startswith(f".out.zipcal-{socket.gethostname()}-{os.getpid()}-")
    assert (tmp_path / "out" / "half").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# What dead runs left


@pytest.fixture(scope="module")
def dead():
    """Number of a process that is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.fixture
def living():
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def leave(folder, pid, host=None, replaced=False, name="out"):
    """What a run that died leaves beside its output."""
    left = folder / f".{name}.zipcal-{host or socket.gethostname()}-{pid}-0badcafe{'.replaced' if replaced else ''}"
    (left / "selection").mkdir(parents=True)
    (left / "selection" / "part").write_text("half")
    return left


def test_what_a_dead_run_left_is_cleaned_by_the_next(small, tmp_path, dead):
    left = leave(tmp_path, dead)
    small.write(str(tmp_path / "out"))
    assert not left.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_dead_run_left_is_cleaned_also_where_the_next_is_refused(spark, old, dead):
    left, put_away = leave(old[0].parent, dead), leave(old[0].parent, dead, replaced=True)
    with pytest.raises(InputError, match="exists already"):
        check(spark, old[0])
    assert not left.exists()
    assert not put_away.exists()
    assert snapshot(old[0]) == old[1]


def test_what_a_living_run_has_is_left_alone(spark, tmp_path, living):
    theirs, init = leave(tmp_path, living.pid), leave(tmp_path, 1)
    put_away = leave(tmp_path, living.pid, replaced=True)
    check(spark, tmp_path / "out")
    assert theirs.exists()
    assert init.exists()
    assert put_away.exists()
    assert not (tmp_path / "out").exists()
    living.kill()
    living.wait()
    check(spark, tmp_path / "other")
    assert theirs.exists()
    with pytest.raises(InputError, match="exists already"):  # what it had put away is back
        check(spark, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([init.name, "out"])


def test_what_a_run_on_another_machine_left_is_cleaned_after_a_day(spark, tmp_path, dead):
    fresh, stale = leave(tmp_path, dead, "node-1"), leave(tmp_path, dead, "node-2.example.com")
    os.utime(stale, (time.time() - 2 * 86400,) * 2)
    check(spark, tmp_path / "out")
    assert fresh.exists()
    assert not stale.exists()


@pytest.mark.parametrize(
    "name", [".out2.zipcal-{}", "out.zipcal-{}", ".outXzipcal-{}", ".out.zipcal-{}-more", ".out.zipcal-"]
)
def test_what_only_resembles_a_leftover_is_left_alone(spark, tmp_path, dead, name):
    other = tmp_path / name.format(f"{socket.gethostname()}-{dead}-0badcafe")
    other.mkdir()
    check(spark, tmp_path / "out")
    assert other.exists()


def test_an_output_put_away_by_a_run_that_died_comes_back(spark, small, old, dead):
    folder, before = old
    left = leave(folder.parent, dead)
    folder.rename(f"{left}.replaced")  # it died between its two renames
    with pytest.raises(InputError, match="exists already"):
        small.write(str(folder))
    assert snapshot(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


KILLED = """
    import os, signal, sys
    from zipcal_spark import output, run
    from zipcal_spark.config import SelectJob
    from zipcal_spark.progress import Silent

    def write_table(table, path, format_):
        write(table, path, format_)
        if path.endswith("vocabulary"):
            print(path, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    write, output.write_table = output.write_table, write_table
    run.run_select(SelectJob(input=(sys.argv[1],), output=sys.argv[2], master="local[1]"), Silent())
"""


def test_a_run_killed_while_it_writes_leaves_no_output_and_the_next_leaves_nothing_else(spark, corpus_folder, tmp_path):
    place = tmp_path / "place"
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(corpus_folder), str(place / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    half = Path(done.stdout.strip().removeprefix("file:")).parent
    assert visible(half) == {"selection", "vocabulary"}
    assert [path.name for path in place.iterdir()] == [half.name]
    select(spark, corpus_folder, out=place / "out")
    assert [path.name for path in place.iterdir()] == ["out"]
    assert visible(place / "out") == {"selection", "vocabulary", "quarantine", "report.json"}
