"""The `zipcal` command, as a user meets it: what it prints, what it writes, how it fails."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from zipcal_spark import Report, ZipCal, ZipcalError, __version__, pipeline, run
from zipcal_spark.cli import app, main
from zipcal_spark.config import SelectJob, StatsJob
from zipcal_spark.corpus import from_dataframe

pytestmark = pytest.mark.usefixtures("no_config")
ZIPCAL = [sys.executable, "-m", "zipcal_spark.cli"]
STAGE_OR_DETAIL = re.compile(r"\S.* \.\.\.|  \S.*")


@pytest.fixture
def no_config(monkeypatch):
    """The YAML file of one test is not there in the next."""
    monkeypatch.setattr(app, "config", ())


def environment(folder):
    """Of a user who has set nothing; temporary files go to a folder of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYSPARK", "SPARK"))}
    (folder / "tmp").mkdir(exist_ok=True)
    return kept | {"TMPDIR": str(folder / "tmp")}


def zipcal(folder, *arguments, **variables):
    """Run the command in a folder; status, out, err and the folder."""
    command = [*ZIPCAL, *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(folder) | variables,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    return SimpleNamespace(status=done.returncode, out=done.stdout, err=done.stderr, folder=folder)


def corpus_lines(count, **more):
    texts = [" ".join(f"w{n * step % 997}" for step in range(1, 2 + n % 30)) for n in range(count)]
    return "".join(json.dumps({"id": n, "text": text, **more}) + "\n" for n, text in enumerate(texts))


def assert_one_sentence(err, *contained):
    """The last line says what is wrong, and there is no traceback, of Python or of Java."""
    assert "Traceback" not in err
    assert "Exception in" not in err
    assert not re.search(r"^\s+at ", err, re.MULTILINE)
    last = err.splitlines()[-1]
    assert last.startswith("zipcal: ")
    for text in contained:
        assert text in last


# Real runs: each starts a Spark of its own


@pytest.fixture(scope="module")
def selected(tmp_path_factory):
    """zipcal select with a YAML file and the command line."""
    folder = tmp_path_factory.mktemp("select")
    (folder / "a.jsonl").write_text(corpus_lines(40) + '{"id": 1000}\n{"id": 1001, "text": " "}\n')
    (folder / "b.jsonl").write_text('{"id": 2000, "text": "some other words [bold]x"}\n')
    (folder / "job.yaml").write_text(
        "input:\n- wiki=a.jsonl\n- b.jsonl\noutput: from-yaml\nk: 39\nmax-length: 20\nmin_doc_freq: 1\n"
        "conf: [spark.sql.parquet.compression.codec=zstd]\n"
    )
    command_line = [
        "--k",
        "4",
        "--output",
        "out",
        "--conf",
        "spark.sql.parquet.compression.codec=gzip",
        "--master",
        "local[2]",
    ]
    return zipcal(folder, "select", "--config", "job.yaml", *command_line)


def test_select_writes_tables_and_a_report(selected):
    assert selected.status == 0, selected.err
    out = selected.folder / "out"
    names = {path.name for path in out.iterdir() if not path.name.endswith(".crc")}
    assert names == {"selection", "vocabulary", "quarantine", "report.json"}
    rows = ds.dataset(out / "selection").to_table().to_pylist()
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert {row["domain"] for row in rows} == {"wiki"}
    reasons = ds.dataset(out / "quarantine").to_table()["reason"].to_pylist()
    assert sorted(reasons) == ["blank text", "null text"]


def test_select_leaves_nothing_but_its_output(selected):
    assert sorted(path.name for path in selected.folder.iterdir()) == ["a.jsonl", "b.jsonl", "job.yaml", "out", "tmp"]
    left = [path.name for path in (selected.folder / "tmp").iterdir() if path.name.startswith("zipcal")]
    assert left == []


def test_the_command_line_wins_over_yaml_which_wins_over_defaults(selected):
    report = Report.from_json((selected.folder / "out" / "report.json").read_text())
    parameters = report.parameters
    assert (parameters["k"], parameters["max_length"], parameters["seed"]) == (4, 20, 0)
    assert parameters["input"] == ["wiki=a.jsonl", "b.jsonl"]
    assert not (selected.folder / "from-yaml").exists()


def test_conf_reaches_spark(selected):
    files = [path.name for path in (selected.folder / "out" / "vocabulary").glob("*.parquet")]
    assert files
    assert all(name.endswith(".gz.parquet") for name in files)


def test_a_summary_is_on_stdout(selected):
    report = Report.from_json((selected.folder / "out" / "report.json").read_text())
    lines = dict(re.findall(r"^([A-Z]\w+) +(.*)$", selected.out, re.MULTILINE))
    assert lines["Read"] == "43 documents, 41 of them usable (1 blank text, 1 null text)"
    found = report.selection
    assert lines["Selected"].startswith(f"4 documents cover {found.covered_terms} terms, ")
    assert f"{found.coverage / found.total:.1%}" in lines["Selected"]
    assert lines["Proven"].startswith(f"at least {found.certified_fraction:.1%} of what any 4 documents can cover")
    assert lines["Output"] == "out"
    assert "First picks" in selected.out


def test_progress_is_plain_lines_on_stderr_without_a_word_of_java(selected):
    lines = selected.err.splitlines()
    assert len(lines) > 4
    assert [line for line in lines if not STAGE_OR_DETAIL.fullmatch(line)] == []
    assert "Starting Spark ..." in lines
    assert "Writing out ..." in lines
    assert "\x1b" not in selected.err + selected.out
    assert "WARN" not in selected.err + selected.out


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """zipcal stats."""
    folder = tmp_path_factory.mktemp("stats")
    (folder / "a b.txt").write_text("The cat. The dog!\n\nA cat\n")
    return zipcal(
        folder, "stats", "--input", "a b.txt", "--output", "new/out", "--output-format", "json", "--master", "local[1]"
    )


def test_stats_writes_vocabulary_and_report_without_a_selection(counted):
    assert counted.status == 0, counted.err
    out = counted.folder / "new" / "out"
    names = {path.name for path in out.iterdir() if not path.name.endswith(".crc")}
    assert names == {"vocabulary", "quarantine", "report.json"}
    lines = [line for path in (out / "vocabulary").glob("*.json") for line in path.read_text().splitlines()]
    rows = sorted(map(json.loads, lines), key=lambda row: row["rank"])
    assert [(row["term"], row["tf"], row["df"]) for row in rows] == [
        ("cat", 2, 2),
        ("the", 2, 1),
        ("a", 1, 1),
        ("dog", 1, 1),
    ]


def test_stats_prints_a_summary(counted):
    assert re.search(r"^Read +3 documents, 2 of them usable \(1 blank text\)$", counted.out, re.MULTILINE)
    assert re.search(r"^Vocabulary +4 terms in 6 units; 2 terms occur once$", counted.out, re.MULTILINE)
    assert re.search(r"^Output +new/out$", counted.out, re.MULTILINE)
    assert "Proven" not in counted.out
    assert [line for line in counted.err.splitlines() if not STAGE_OR_DETAIL.fullmatch(line)] == []


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """zipcal select whose tasks find no Python, so that it fails in the middle of the run."""
    folder = tmp_path_factory.mktemp("failed")
    (folder / "a.txt").write_text("one two\n")
    arguments = ["select", "--input", "a.txt", "--output", "out", "--master", "local[1]"]
    return zipcal(folder, *arguments, PYSPARK_PYTHON="/no/such/python")


def test_a_run_that_fails_says_so_in_a_sentence_and_writes_nothing(failed):
    assert failed.status == 1
    assert failed.out == ""
    assert_one_sentence(failed.err, "The run failed, and nothing was written")
    assert all(STAGE_OR_DETAIL.fullmatch(line) for line in failed.err.splitlines()[:-1])
    assert sorted(path.name for path in failed.folder.iterdir()) == ["a.txt", "tmp"]


def test_a_run_that_fails_names_the_log_that_it_keeps(failed):
    log = Path(re.search(r"Spark's log is (\S+)\.$", failed.err.strip())[1])
    assert log.parent == failed.folder / "tmp"
    assert "/no/such/python" in log.read_text()


def test_a_run_that_fails_says_why(failed):
    assert "/no/such/python" in failed.err


@pytest.fixture(scope="module")
def not_started(tmp_path_factory):
    """zipcal select with a master that there is not."""
    folder = tmp_path_factory.mktemp("not-started")
    (folder / "a.jsonl").write_text(corpus_lines(1))
    return zipcal(folder, "select", "--input", "a.jsonl", "--output", "out", "--conf", "spark.master=nonsense")


def test_a_spark_that_does_not_start_is_told_in_a_sentence(not_started):
    assert not_started.status == 1
    assert not_started.out == ""
    assert_one_sentence(not_started.err, "Spark did not start", "--master", "--conf")
    assert sorted(path.name for path in not_started.folder.iterdir()) == ["a.jsonl", "tmp"]


def test_a_spark_that_does_not_start_says_why_or_names_a_log(not_started):
    assert "Master must either be yarn or start with spark" in not_started.err


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """zipcal select stopped by Ctrl-C, which the whole process group gets, while it reads."""
    folder = tmp_path_factory.mktemp("interrupted")
    (folder / "a.jsonl").write_text(corpus_lines(40_000))
    command = [
        *ZIPCAL,
        "select",
        "--input",
        "a.jsonl",
        "--output",
        "out",
        "--conf",
        "spark.sql.files.maxPartitionBytes=200000",
    ]
    files = {name: (folder / "tmp" / name) for name in ("out", "err")}
    variables = environment(folder)
    with files["out"].open("w") as out, files["err"].open("w") as err:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        deadline = time.monotonic() + 120
        while "Reading text" not in files["err"].read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        status = process.wait(120)
    return SimpleNamespace(status=status, out=files["out"].read_text(), err=files["err"].read_text(), folder=folder)


def test_a_run_that_is_stopped_writes_nothing(interrupted):
    assert interrupted.status == 130
    assert interrupted.out == ""
    assert sorted(path.name for path in interrupted.folder.iterdir()) == ["a.jsonl", "tmp"]
    assert list((interrupted.folder / "tmp").glob("zipcal*")) == []


def test_a_run_that_is_stopped_says_so_and_no_more(interrupted):
    assert_one_sentence(interrupted.err, "Stopped; nothing was written")


# What needs no Spark


def imported(*arguments):
    """Whether pyspark is imported for a command."""
    code = "import sys; from zipcal_spark.cli import main; print(main(sys.argv[1:]), 'pyspark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    status, found = done.stdout.split()[-2:]
    assert status == "0", done.stderr
    return found == "True"


@pytest.mark.parametrize("arguments", [["--help"], ["select", "--help"], ["--version"]], ids=" ".join)
def test_help_does_not_wait_for_pyspark(arguments):
    assert not imported(*arguments)


def test_compare_does_not_wait_for_pyspark(outputs):
    assert not imported("compare", str(outputs / "exact"), str(outputs / "random"))


def test_the_installed_command_is_this_one():
    command = Path(sys.executable).with_name("zipcal")
    if not command.exists():
        pytest.skip("zipcal is not installed here")
    done = subprocess.run([command, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, __version__, "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]], ids=str)
def test_help_lists_the_commands(capsys, arguments):
    assert main(arguments) == 0
    out = capsys.readouterr().out
    for command in ("select", "stats", "compare", "demo"):
        assert re.search(rf"\b{command}\b", out)
    assert "--config" in out


@pytest.mark.parametrize(("command", "job"), [("select", SelectJob), ("stats", StatsJob)])
def test_help_of_a_command_shows_every_parameter(capsys, command, job):
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    entries = re.split(r"^│ [ *] {2}?(?=--)", out, flags=re.MULTILINE)
    described = {entry.split()[0]: " ".join(entry.replace("│", " ").split()) for entry in entries[1:]}
    for field in dataclasses.fields(job):
        name = "--" + field.name.replace("_", "-")
        assert len(described[name]) > len(name) + 25, f"{name} has no description"
        if field.default not in (dataclasses.MISSING, None, ()):
            assert f"[default: {field.default}]" in described[name]
    assert "[choices: word, whitespace]" in described["--unit"]
    assert "--config" in out


# Usage


@pytest.fixture
def jobs(monkeypatch):
    """Jobs that the command makes, in place of running them."""
    made = []

    def no_run(job, progress):
        made.append(job)
        raise ZipcalError("not run")

    monkeypatch.setattr(run, "run_select", no_run)
    monkeypatch.setattr(run, "run_stats", no_run)
    return made


HERE = ["--input", "a.jsonl", "--output", "out"]
WRONG = {
    "unknown option": (["select", *HERE, "--colour", "red"], "--colour"),
    "unknown command": (["choose", *HERE], "choose"),
    "bad choice": (["select", *HERE, "--unit", "letter"], '"word", "whitespace"'),
    "bad strategy": (["select", *HERE, "--strategy", "best"], "--strategy"),
    "k of 0": (["select", *HERE, "--k", "0"], "k is 0: it must be a whole number of at least 1"),
    "negative k": (["select", *HERE, "--k=-3"], "k is -3"),
    "k in words": (["select", *HERE, "--k", "many"], "--k"),
    "max_length of 0": (["select", *HERE, "--max-length", "0"], "max_length is 0"),
    "min_doc_freq of 0": (["select", *HERE, "--min-doc-freq", "0"], "min_doc_freq is 0"),
    "no input": (["select", "--output", "out"], "--input"),
    "no output": (["select", "--input", "a.jsonl"], "--output"),
    "empty output": (["select", "--input", "a.jsonl", "--output="], "--output"),
    "input without a value": (["select", "--output", "out", "--input"], "--input"),
    "conf without =": (["select", *HERE, "--conf", "spark.x"], "--conf 'spark.x' is not KEY=VALUE"),
    "conf without = in stats": (["stats", *HERE, "--conf", "spark.x"], "KEY=VALUE"),
    "a parameter of select in stats": (["stats", *HERE, "--k", "3"], "--k"),
    "config without a value": (["select", *HERE, "--config"], "--config"),
    "k given twice": (["select", *HERE, "--k", "3", "--k", "4"], "--k"),
    "nothing to compare": (["compare"], "two output folders"),
    "one to compare": (["compare", "out"], "two output folders"),
    "none to compare": (["compare", "out", "out2"], "out is no output of zipcal select"),
}


def assert_refused(capsys, arguments, contained, folder):
    before = sorted(folder.rglob("*"))
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert_one_sentence(printed.err, contained)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_usage_is_told_in_a_sentence_with_status_2(capsys, jobs, tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    assert_refused(capsys, *WRONG[wrong], tmp_path)
    assert jobs == []


@pytest.mark.parametrize("k", ["1.5", "0.5"])
def test_a_k_that_is_no_whole_number_is_bad_usage(capsys, jobs, tmp_path, monkeypatch, k):
    monkeypatch.chdir(tmp_path)
    assert_refused(capsys, ["select", *HERE, "--k", k], "--k", tmp_path)


WRONG_YAML = [
    pytest.param("colour: red\n", "colour", id="unknown key"),
    pytest.param("job:\n  colour: red\n", "colour", id="unknown key below"),
    pytest.param("- k: 3\n", "mapping", id="a list"),
    pytest.param("just words\n", "mapping", id="a text"),
    pytest.param("k: 0\n", "k is 0", id="k of 0"),
    pytest.param("k: many\n", "many", id="k in words"),
    pytest.param("unit: letter\n", '"word", "whitespace"', id="bad choice"),
    pytest.param("overwrite: perhaps\n", "perhaps", id="no truth value"),
    pytest.param("conf: [spark.x]\n", "KEY=VALUE", id="conf without ="),
    pytest.param("k: 1.5\n", "1.5", id="k of 1.5"),
    pytest.param("k: [\n", "job.yaml", id="no YAML"),
    pytest.param("select:\n  k: 3\n", "select", id="a command as key"),
    pytest.param("config: other.yaml\n", "config", id="config in config"),
]


@pytest.mark.parametrize(("yaml", "contained"), WRONG_YAML)
def test_a_bad_yaml_file_is_told_in_a_sentence_with_status_2(capsys, jobs, tmp_path, monkeypatch, yaml, contained):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text(yaml)
    assert_refused(capsys, ["select", *HERE, "--config", "job.yaml"], contained, tmp_path)
    assert jobs == []


@pytest.mark.parametrize("name", ["nothing.yaml", "folder"])
def test_a_yaml_file_that_cannot_be_read_is_told_in_a_sentence(capsys, jobs, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert_refused(capsys, ["select", *HERE, "--config", name], name, tmp_path)


def test_yaml_and_command_line_make_one_job(jobs, tmp_path, capsys):
    config = tmp_path / "job.yaml"
    config.write_text(
        "input: [a=x.csv, y.csv]\noutput: out\nk: 7\nunit: whitespace\nmin-doc-freq: 2\nid_column: null\n"
        "overwrite: true\nconf:\n- spark.a=1\n- spark.b=x=y\n"
    )
    expected = SelectJob(
        input=("a=x.csv", "y.csv"),
        output="out",
        k=7,
        unit="whitespace",
        min_doc_freq=2,
        overwrite=True,
        conf=("spark.a=1", "spark.b=x=y"),
    )
    assert main(["select", "--config", str(config)]) == 1
    assert main(["--config", str(config), "select"]) == 1
    assert (
        main(["select", f"--config={config}", "--k", "9", "--input", "z", "--unit", "word", "--conf", "spark.c=3"]) == 1
    )
    winning = dataclasses.replace(expected, k=9, input=("z",), unit="word", conf=("spark.c=3",))
    assert jobs == [expected, expected, winning]
    assert capsys.readouterr().err.splitlines() == ["zipcal: not run"] * 3


def test_a_yaml_file_is_not_looked_for_by_the_next_command(jobs, tmp_path):
    (tmp_path / "job.yaml").write_text("k: 7\n")
    main(["select", *HERE, "--config", str(tmp_path / "job.yaml")])
    (tmp_path / "job.yaml").unlink()
    main(["select", *HERE])
    assert [job.k for job in jobs] == [7, 128]


def test_inputs_and_settings_are_given_once_each(jobs):
    main(
        [
            "select",
            "--input",
            "a",
            "--input",
            "n=b,c",
            "--output",
            "out",
            "--conf",
            "spark.a=b=c",
            "--conf",
            "spark.d=e,f",
        ]
    )
    main(["stats", "--input", "s3a://bucket/*.json", "--output", "out", "--text-document", "file"])
    assert jobs == [
        SelectJob(input=("a", "n=b,c"), output="out", conf=("spark.a=b=c", "spark.d=e,f")),
        StatsJob(input=("s3a://bucket/*.json",), output="out", text_document="file"),
    ]


def test_ctrl_c_is_answered_in_a_sentence(monkeypatch, capsys):
    def interrupt(job, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run_select", interrupt)
    assert main(["select", *HERE]) == 130
    assert_one_sentence(capsys.readouterr().err, "Stopped; nothing was written")


# With the session that is active here


@pytest.fixture
def folder(spark, tmp_path, tmp_path_factory, monkeypatch):
    """A folder with a corpus; `spark` is active, and the command takes it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("tmp")))
    (tmp_path / "a.jsonl").write_text(corpus_lines(5, lang="en"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "contained"),
    [
        (["--input", "{}/nothing.jsonl", "--output", "{}/out"], "nothing.jsonl does not exist"),
        (["--input", "{}/a.jsonl", "--output", "{}/out", "--text-column", "body"], "(id, lang, text)"),
        (["--input", "{}/a.jsonl", "--output", "{}/full"], "exists already"),
        (["--input", "{}/a.jsonl", "--output", "{}/full", "--overwrite"], "is not an output of zipcal"),
        (["--input", "{}", "--output", "{}/out"], "lies in the input"),
        pytest.param(["--input=", "--output", "{}/out"], "--input"),
    ],
)
def test_bad_input_or_output_is_told_in_a_sentence_with_status_2(capsys, folder, arguments, contained):
    before = sorted(folder.rglob("*"))
    assert main(["select", *(argument.format(folder) for argument in arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert_one_sentence(printed.err, contained)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        ("bad.parquet", "pages"),
        ("bad.parquet", "footer"),
        pytest.param("bad file.parquet", "pages"),
    ],
)
def test_a_damaged_file_is_named(capsys, folder, name, damaged):
    ids = list(range(2000))
    pq.write_table(pa.table({"id": ids, "text": [f"text {n}" for n in ids]}), folder / name, compression="none")
    content = bytearray((folder / name).read_bytes())
    zeros = slice(-1000, None) if damaged == "footer" else slice(500, -2000)
    content[zeros] = bytes(len(content[zeros]))
    (folder / name).write_bytes(content)
    assert main(["select", "--input", f"{folder}/*.parquet", "--output", f"{folder}/out"]) == 2
    assert_one_sentence(capsys.readouterr().err, name, "cannot be read")
    assert sorted(path.name for path in folder.iterdir()) == ["a.jsonl", name, "full"]


def test_what_a_terminal_would_obey_is_not_printed(capsys, folder):
    rows = [{"id": "\x1b[31m[bold]x[/bold]", "text": "one \u202e two [red] three"}]
    (folder / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["select", "--input", f"{folder}/b.jsonl", "--output", f"{folder}/out", "--k", "1"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[31m[bold]x[/bold]" in out


def test_passwords_among_the_settings_are_not_written(folder):
    secret = ["--conf", "spark.hadoop.fs.s3a.secret.key=hunter2"]
    assert main(["stats", "--input", f"{folder}/a.jsonl", "--output", f"{folder}/out", *secret]) == 0
    assert "hunter2" not in (folder / "out" / "report.json").read_text()


# Comparing


@pytest.fixture(scope="module")
def outputs(spark, tmp_path_factory):
    """Outputs exact, random and json of one corpus, and stats of it."""
    folder = tmp_path_factory.mktemp("outputs")
    df = spark.createDataFrame(pa.Table.from_pylist([json.loads(row) for row in corpus_lines(60).splitlines()]))
    for name, parameters in {"exact": {}, "random": {"strategy": "random", "seed": 3}, "json": {}}.items():
        with ZipCal(k=6, **parameters).select(df) as result:
            result.write(str(folder / name), "json" if name == "json" else "parquet")
    with pipeline.statistics(from_dataframe(df, ZipCal()), ZipCal()) as result:
        result.write(str(folder / "stats"))
    return folder


def compared(capsys, *arguments):
    """What compare prints: lists of values by their labels."""
    assert main(["compare", *map(str, arguments)]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {row[0]: row[1:] for row in (re.split(r" {2,}", line.strip()) for line in lines)}


def test_compare_prints_selections_side_by_side(capsys, outputs, monkeypatch):
    monkeypatch.chdir(outputs)
    table = compared(capsys, "exact", "random", "json")
    assert table["exact"] == ["random", "json"]
    reports = [Report.from_json((outputs / name / "report.json").read_text()) for name in ("exact", "random", "json")]
    assert table["strategy"] == ["exact", "random", "exact"]
    assert table["documents read"] == ["60"] * 3
    assert table["documents selected"] == ["6"] * 3
    assert table["coverage"] == [f"{report.selection.coverage:,.2f}" for report in reports]
    assert table["terms covered"] == [str(report.selection.covered_terms) for report in reports]
    proven = [math.floor(report.selection.certified_fraction * 1000) / 10 for report in reports]
    assert table["proven share of the optimum"] == [f"{percent:.1f}%" for percent in proven]
    ids = [set(ds.dataset(outputs / name / "selection").to_table()["id"].to_pylist()) for name in ("exact", "random")]
    shared = f"{len(ids[0] & ids[1]) / 6:.1%}"
    assert table["documents shared with the first"] == ["100.0%", shared, "100.0%"]
    assert reports[0].selection.coverage > reports[1].selection.coverage


def test_compare_takes_uris_and_trailing_slashes(capsys, outputs):
    table = compared(capsys, f"file://{outputs}/exact", f"{outputs}/exact/")
    assert table["documents shared with the first"] == ["100.0%", "100.0%"]


@pytest.mark.parametrize(
    ("name", "contained"),
    [
        ("nothing", "nothing is no output of zipcal select"),
        ("stats", "statistics only"),
        ("half", "half is no output of zipcal select"),
        ("report", "no report of this version"),
        ("file", "file is no output of zipcal select"),
        pytest.param("scheme://x", "scheme"),
    ],
)
def test_compare_refuses_what_is_no_selection(capsys, outputs, tmp_path, monkeypatch, name, contained):
    monkeypatch.chdir(tmp_path)
    for folder in ("half", "report"):
        (tmp_path / folder).mkdir()
    (tmp_path / "half" / "report.json").write_bytes((outputs / "exact" / "report.json").read_bytes())
    (tmp_path / "report" / "report.json").write_text("{}")
    (tmp_path / "file").touch()
    (tmp_path / "stats").symlink_to(outputs / "stats")
    assert_refused(capsys, ["compare", str(outputs / "exact"), name], contained, tmp_path)


def test_compare_names_the_output_whose_report_is_wrong(capsys, outputs, tmp_path):
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "report.json").write_text("{}")
    assert main(["compare", str(outputs / "exact"), str(tmp_path / "wrong")]) == 2
    assert "wrong" in capsys.readouterr().err


def write_both(spark, folder, rows):
    """One selection in both formats."""
    with ZipCal(k=9).select(spark.createDataFrame(pa.Table.from_pylist(rows))) as result:
        for format_ in ("parquet", "json"):
            result.write(str(folder / format_), format_)
    return [folder / "parquet", folder / "json"]


def test_compare_finds_the_same_documents_in_either_format(capsys, spark, tmp_path):
    rows = [{"id": f"2020-01-0{n} 00:00:00", "text": f"t{n}"} for n in range(1, 4)]
    table = compared(capsys, *write_both(spark, tmp_path, rows))
    assert table["documents shared with the first"] == ["100.0%", "100.0%"]


def test_compare_reads_long_documents_in_json(capsys, spark, tmp_path):
    rows = [{"id": name, "text": f"{name} " * 700_000} for name in ("a", "b")]
    table = compared(capsys, *write_both(spark, tmp_path, rows))
    assert table["documents shared with the first"] == ["100.0%", "100.0%"]
