"""Files and DataFrames -> documents: formats, compression, paths, columns, ids, faults, and what is refused."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import types as T

from zipcal_spark import InputError, ZipCal, corpus, pipeline
from zipcal_spark.config import SelectJob

COMPRESSION = {"": None, ".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
compressed = pytest.mark.parametrize("compression", COMPRESSION, ids=lambda suffix: suffix or "uncompressed")


def job(*inputs, **parameters):
    return SelectJob(input=tuple(map(str, inputs)), output="unused", **parameters)


def open_corpus(spark, *inputs, **parameters):
    this = job(*inputs, **parameters)
    return corpus.from_paths(spark, this, this)


def read(spark, *inputs, **parameters):
    """Rows (id, domain, text, fault), by id."""
    rows = open_corpus(spark, *inputs, **parameters).rows.collect()
    return sorted((tuple(row) for row in rows), key=lambda row: (row[0] is None, row[0]))


def write(path, content):
    """Write bytes, compressed as the path's suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = COMPRESSION.get(path.suffix) if path.suffix else None
    if codec is None:
        path.write_bytes(content)
    else:
        with pa.CompressedOutputStream(str(path), codec) as stream:
            stream.write(content)
    return path


def write_jsonl(path, rows):
    return write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())


def write_parquet(path, columns, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **options)
    return path


def raw_strings(*values):
    """A string column with these bytes, valid UTF-8 or not."""
    return pa.array(values, pa.binary()).cast(pa.large_binary()).view(pa.large_string())


def numbered(path, number):
    return f"{path}#{number:09d}"


# Formats and compression


@compressed
def test_json_lines(spark, tmp_path, compression):
    path = write_jsonl(
        tmp_path / f"a.jsonl{compression}",
        [{"id": "x", "text": "Ünï 中文\nzwei"}, {"id": "y", "text": 'a "b"', "more": 1}],
    )
    assert read(spark, path) == [("x", None, "Ünï 中文\nzwei", None), ("y", None, 'a "b"', None)]


@compressed
def test_csv_with_header_line_breaks_and_doubled_quotes(spark, tmp_path, compression):
    content = 'id,text,n\nx,"one\ntwo, ""three""",1\ny,four,2\nz,"back\\slash",3\n'
    path = write(tmp_path / f"a.csv{compression}", content.encode())
    expected = [("x", None, 'one\ntwo, "three"', None), ("y", None, "four", None), ("z", None, "back\\slash", None)]
    assert read(spark, path) == expected


@compressed
def test_text_by_line(spark, tmp_path, compression):
    path = write(tmp_path / f"a.txt{compression}", "eins\n\nzwei ü\ndrei".encode())
    texts = ["eins", "", "zwei ü", "drei"]
    assert read(spark, path) == [(numbered(path, n), None, text, None) for n, text in enumerate(texts)]


@compressed
def test_text_by_whole_file(spark, tmp_path, compression):
    first = write(tmp_path / f"a.txt{compression}", "eins\n\nzwei ü\n".encode())
    second = write(tmp_path / f"b.txt{compression}", b"drei")
    expected = [(numbered(first, 0), None, "eins\n\nzwei ü\n", None), (numbered(second, 0), None, "drei", None)]
    assert read(spark, tmp_path, text_document="file") == expected


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd"])
def test_parquet(spark, tmp_path, codec):
    suffix = "" if codec == "none" else f".{codec}"
    path = write_parquet(tmp_path / f"a{suffix}.parquet", {"id": ["x", "y"], "text": ["ü", None]}, compression=codec)
    assert read(spark, path) == [("x", None, "ü", None), ("y", None, None, None)]


@pytest.mark.parametrize("name", ["a.json", "a.ndjson", "A.JSONL", "a.JSON.GZ"])
def test_a_format_goes_by_the_suffix_in_any_case(spark, tmp_path, name):
    content = b'{"id":"x","text":"one"}\n'
    path = write(tmp_path / name, gzip.compress(content) if name.endswith("GZ") else content)
    assert read(spark, path) == [("x", None, "one", None)]


def test_a_format_that_is_named_goes_before_the_suffix(spark, tmp_path):
    path = write(tmp_path / "a.data", b'{"id":"x","text":"one"}\n')
    assert read(spark, path, input_format="json") == [("x", None, "one", None)]
    assert [row[2] for row in read(spark, path, input_format="text")] == ['{"id":"x","text":"one"}']
    write(tmp_path / "b.txt", b"two\n")
    assert len(read(spark, tmp_path, input_format="text")) == 2


# Paths, names, domains


@pytest.fixture
def wiki(tmp_path):
    """A folder of two files with a hidden one beside them, and one file elsewhere."""
    write_jsonl(tmp_path / "wiki" / "a.jsonl", [{"id": "a", "text": "one", "lang": "en"}])
    write_jsonl(tmp_path / "wiki" / "b.jsonl", [{"id": "b", "text": "two", "lang": "de"}])
    write_jsonl(tmp_path / "wiki" / ".hidden.jsonl", [{"id": "hidden", "text": "none", "lang": "en"}])
    write_parquet(tmp_path / "qa" / "c.parquet", {"id": ["c"], "text": ["three"], "lang": ["th"]})
    return tmp_path


def test_a_folder_a_glob_and_a_uri_give_their_files(spark, wiki):
    assert [row[0] for row in read(spark, wiki / "wiki")] == ["a", "b"]
    assert [row[0] for row in read(spark, f"{wiki}/wiki/")] == ["a", "b"]
    assert [row[0] for row in read(spark, wiki / "wiki" / "[ax].json*")] == ["a"]
    assert [row[0] for row in read(spark, wiki / "*" / "{b,c}.jsonl")] == ["b"]
    assert [row[0] for row in read(spark, f"file://{wiki}/wiki/b.jsonl")] == ["b"]


def test_several_inputs_of_several_formats_with_and_without_a_name(spark, wiki):
    rows = read(spark, f"W={wiki}/wiki/a.jsonl", f"{wiki}/wiki/b.jsonl", f"Q & A={wiki}/qa")
    assert rows == [("a", "W", "one", None), ("b", None, "two", None), ("c", "Q & A", "three", None)]


def test_a_name_goes_before_the_domain_column(spark, wiki):
    rows = read(spark, f"W={wiki}/wiki/a.jsonl", f"{wiki}/qa", domain_column="lang")
    assert [row[:2] for row in rows] == [("a", "W"), ("c", "th")]


def test_a_domain_may_be_a_number_or_null(spark, tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"id": ["a", "b"], "text": ["x", "y"], "year": [2020, None]})
    assert read(spark, path, domain_column="year") == [("a", "2020", "x", None), ("b", None, "y", None)]


def test_a_relative_path_with_an_equals_sign_is_written_with_a_dot(spark, tmp_path):
    write_jsonl(tmp_path / "x=y.jsonl", [{"id": "a", "text": "one"}])
    here = os.path.relpath(tmp_path, spark._jvm.java.lang.System.getProperty("user.dir"))
    assert read(spark, f"./{here}/x=y.jsonl") == [("a", None, "one", None)]
    assert read(spark, f"N=./{here}/x=y.jsonl") == [("a", "N", "one", None)]
    with pytest.raises(InputError, match=r"^y\.jsonl does not exist"):
        read(spark, "x=y.jsonl")


def test_a_folder_with_an_equals_sign_in_its_name(spark, tmp_path):
    folder = tmp_path / "k=v"
    write_jsonl(folder / "a.jsonl", [{"id": "a", "text": "one"}])
    for path in (folder, folder / "a.jsonl", f"file://{folder}", folder / "*.jsonl"):
        assert read(spark, path) == [("a", None, "one", None)]
        assert read(spark, f"N={path}") == [("a", "N", "one", None)]


def test_folders_named_by_hive_give_columns(spark, tmp_path):
    for lang in ("en", "de"):
        write_parquet(tmp_path / "t" / f"lang={lang}" / "a.parquet", {"id": [lang], "text": ["one"]})
    assert read(spark, tmp_path / "t", domain_column="lang") == [
        ("de", "de", "one", None),
        ("en", "en", "one", None),
    ]


def test_the_sources_say_what_was_read(spark, wiki):
    found = open_corpus(spark, f"W={wiki}/wiki", wiki / "qa").sources
    assert [(source.path, source.domain, source.format) for source in found] == [
        (f"{wiki}/wiki", "W", "json"),
        (f"{wiki}/qa", None, "parquet"),
    ]
    assert found[1].schema == "id string, text string, lang string"
    assert "_zipcal" not in found[0].schema


NAMES = ["a b.txt", "[1].txt", "ünï 日本.txt", "a%20b.txt", "a+b c.txt", "{x,y}.txt", "wh?t*.txt", "a#b.txt", "k=v.txt"]


def test_files_of_any_name_in_a_folder_give_ids_that_name_them(spark, tmp_path):
    for name in NAMES:
        write(tmp_path / name, name.encode())
    expected = sorted((numbered(tmp_path / name, 0), None, name, None) for name in NAMES)
    assert read(spark, tmp_path) == expected
    assert read(spark, tmp_path, text_document="file") == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_that_file(spark, tmp_path, name):
    write(tmp_path / name, b"one")
    write(tmp_path / "1.txt", b"what the glob [1].txt would find")
    write(tmp_path / "x.txt", b"what the glob {x,y}.txt would find")
    assert read(spark, tmp_path / name, text_document="file") == [(numbered(tmp_path / name, 0), None, "one", None)]


def test_a_file_with_a_backslash_in_its_name_is_that_file(spark, tmp_path):
    path = write(tmp_path / "a\\b.txt", b"one")
    assert [row[2] for row in read(spark, path)] == ["one"]


# Columns


def test_columns_are_those_that_the_options_name(spark, tmp_path):
    columns = {"key": [7], "id": ["no"], "body.x": ["one"], "text": ["no"], "a `b`": ["D"]}
    path = write_parquet(tmp_path / "a.parquet", columns)
    rows = read(spark, path, id_column="key", text_column="body.x", domain_column="a `b`")
    assert rows == [(7, "D", "one", None)]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "txt"])
def test_the_text_column_may_have_any_name_where_rows_are_numbered(spark, tmp_path, kind):
    content = {"csv": "body,n\none,1\n", "jsonl": '{"body":"one","n":1}\n', "txt": "one\n"}[kind]
    path = write(tmp_path / f"a.{kind}", content.encode())
    assert read(spark, path, text_column="body") == [(numbered(path, 0), None, "one", None)]


@pytest.mark.parametrize(
    "column",
    ["size", "offset"],
)
def test_columns_of_any_name_may_lie_beside_the_text_where_rows_are_numbered(spark, tmp_path, column):
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "one", column: 5}, {"text": "two", column: 6}])
    assert [row[0] for row in read(spark, path)] == [numbered(path, 0), numbered(path, 1)]


def test_csv_files_of_different_columns_in_one_input_are_refused(spark, tmp_path):
    write(tmp_path / "a.csv", b"id,text\n1,hello\n")
    write(tmp_path / "b.csv", b"text,id\nworld,2\n")
    this = job(tmp_path)
    with pytest.raises(InputError, match=r"CSV file .*\.csv has other columns .* several --input"):
        pipeline.statistics(corpus.from_paths(spark, this, this), this)
    both = [read(spark, tmp_path / name)[0] for name in ("a.csv", "b.csv")]
    assert both == [("1", None, "hello", None), ("2", None, "world", None)]


# Ids without an id column


@pytest.fixture
def in_small_parts(spark):
    """Another session of the same Spark, which splits files into many parts and sends them in small batches."""
    session = spark.newSession()
    session.conf.set("spark.sql.files.maxPartitionBytes", "8000")
    session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    return session


def lines(count, seed=1):
    rng = random.Random(seed)
    return [f"{n} " + "".join(rng.choices("abcdefgh ", k=rng.randrange(120))) for n in range(count)]


def numbers_and_lines(rows):
    """(number in the id, number that the line begins with) of each row."""
    return [(int(id_.rsplit("#", 1)[1]), int(text.split()[0])) for id_, _, text, _ in rows]


def as_text(texts):
    return "\n".join(texts).encode()


def as_crlf(texts):
    return "\r\n".join(texts).encode()


def as_json(texts):
    return "\n".join(json.dumps({"text": text}) for text in texts).encode()


@pytest.mark.parametrize(
    ("suffix", "encode"), [("txt", as_text), ("txt", as_crlf), ("jsonl", as_json)], ids=["text", "crlf", "json"]
)
def test_ids_are_file_and_line_however_files_are_split(spark, in_small_parts, tmp_path, suffix, encode):
    for name, count in (("a", 800), ("b", 300)):
        write(tmp_path / f"{name}.{suffix}", encode(lines(count)))
    split = open_corpus(in_small_parts, tmp_path)
    assert split.rows.rdd.getNumPartitions() > 5
    whole = read(spark, tmp_path)
    assert sorted(map(tuple, split.rows.collect())) == whole
    assert [row[0] for row in whole] == [numbered(tmp_path / f"a.{suffix}", n) for n in range(800)] + [
        numbered(tmp_path / f"b.{suffix}", n) for n in range(300)
    ]
    assert all(number == line for number, line in numbers_and_lines(whole))


def test_ids_are_file_and_line_also_where_bzip2_is_split(in_small_parts, tmp_path):
    texts = [f"{line} {random.Random(n).randbytes(60).hex()}" for n, line in enumerate(lines(1500))]
    path = tmp_path / "a.txt.bz2"
    in_small_parts.conf.set("spark.sql.files.maxPartitionBytes", "40000")
    path.write_bytes(bz2.compress(as_text(texts), 1))
    found = open_corpus(in_small_parts, path)
    assert found.rows.rdd.getNumPartitions() > 2
    rows = sorted(map(tuple, found.rows.collect()))
    assert [row[0] for row in rows] == [numbered(path, n) for n in range(1500)]
    assert [row[2] for row in rows] == texts


def test_ids_count_the_records_of_csv_not_its_lines(in_small_parts, tmp_path):
    records = [f'"{line}\nwith a second line"' for line in lines(300)]
    path = write(tmp_path / "a.csv", "\n".join(["text", *records]).encode())
    rows = read(in_small_parts, path)
    assert [row[0] for row in rows] == [numbered(path, n) for n in range(300)]
    assert all(number == line for number, line in numbers_and_lines(rows))


def test_ids_of_parquet_are_row_numbers_whatever_its_row_groups(spark, in_small_parts, tmp_path):
    texts = lines(500)
    path = write_parquet(tmp_path / "a.parquet", {"text": texts}, row_group_size=9)
    split = open_corpus(in_small_parts, path)
    assert split.rows.rdd.getNumPartitions() > 5
    rows = sorted(map(tuple, split.rows.collect()))
    assert rows == [(numbered(path, n), None, text, None) for n, text in enumerate(texts)]
    assert read(spark, path) == rows


def test_ids_are_the_same_in_every_read(in_small_parts, tmp_path):
    path = write(tmp_path / "a.jsonl", as_json(lines(200)))
    assert read(in_small_parts, path) == read(in_small_parts, path)
    rows = open_corpus(in_small_parts, path).rows
    assert sorted(rows.collect()) == sorted(rows.collect())


def test_ids_are_the_same_by_path_and_by_uri(spark, tmp_path):
    path = write(tmp_path / "a b.txt", b"one")
    assert read(spark, path) == read(spark, f"file://{path}") == [(numbered(path, 0), None, "one", None)]


def test_the_same_file_given_twice_is_refused_where_ids_would_not_be_unique(spark, tmp_path):
    path = write(tmp_path / "a.txt", b"one")
    twice = job(path, path)
    with pytest.raises(InputError, match="must be unique"):
        pipeline.select(corpus.from_paths(spark, twice, twice), twice)


# Ids of a column


@pytest.mark.parametrize("type_", ["int16", "int32", "int64"])
def test_integer_ids_stay_integers_of_their_type(spark, tmp_path, type_):
    ids = pa.array([2, -3, 11], getattr(pa, type_)())
    path = write_parquet(tmp_path / "a.parquet", {"id": ids, "text": ["a", "b c d", "e f"]})
    this = job(path)
    with pipeline.select(corpus.from_paths(spark, this, this), this) as result:
        wanted = {"int16": T.ShortType(), "int32": T.IntegerType(), "int64": T.LongType()}[type_]
        assert result.selection.schema["id"].dataType == wanted
        assert result.quarantine.schema["id"].dataType == wanted
        assert [row["id"] for row in result.selection.orderBy("rank").collect()] == [-3, 11, 2]


def test_integers_of_two_widths_become_the_wider(spark, tmp_path):
    narrow = write_parquet(tmp_path / "a.parquet", {"id": pa.array([1], pa.int32()), "text": ["a"]})
    wide = write_parquet(tmp_path / "b.parquet", {"id": pa.array([2**40], pa.int64()), "text": ["b"]})
    found = open_corpus(spark, narrow, wide)
    assert found.id_type == T.LongType()
    assert sorted(row["id"] for row in found.rows.collect()) == [1, 2**40]


def test_integers_beside_strings_become_strings(spark, tmp_path):
    number = write_parquet(tmp_path / "a.parquet", {"id": [1], "text": ["a"]})
    string = write_jsonl(tmp_path / "b.jsonl", [{"id": "x", "text": "b"}])
    path = write(tmp_path / "c.txt", b"c")
    found = open_corpus(spark, number, string, path)
    assert found.id_type == T.StringType()
    assert {row["id"] for row in found.rows.collect()} == {"1", "x", numbered(path, 0)}


def test_ids_of_csv_are_strings_with_all_their_digits(spark, tmp_path):
    path = write(tmp_path / "a.csv", b"id,text\n007,a\n7,b\n1e3,c\n")
    assert [row[0] for row in read(spark, path)] == ["007", "1e3", "7"]


def test_an_id_that_two_selected_documents_share_is_refused(spark, tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{"id": "x", "text": "a b"}, {"id": "x", "text": "c"}])
    this = job(path)
    with pytest.raises(InputError, match=r"'x' belongs to .* ids must be unique"):
        pipeline.select(corpus.from_paths(spark, this, this), this)


# What cannot be used


def quarantined(spark, *inputs, **parameters):
    """Rows (reason, id, text) of the quarantine and the report's documents, which must agree."""
    this = job(*inputs, **parameters)
    with pipeline.statistics(corpus.from_paths(spark, this, this), this) as result:
        rows = sorted((row["reason"], row["id"], row["text"]) for row in result.quarantine.collect())
        documents = result.report.documents
    reasons = [row[0] for row in rows]
    assert documents.by_reason == {reason: reasons.count(reason) for reason in reasons}
    assert documents.quarantined == len(rows)
    assert documents.read == documents.eligible + documents.quarantined
    return rows, documents.eligible


def test_json_rows_that_cannot_be_used_are_counted_by_reason(spark, tmp_path):
    content = (
        '{"id":"good","text":"a b"}\n'
        '{"id":"null","text":null}\n'
        '{"id":"absent"}\n'
        '{"id":"empty","text":""}\n'
        '{"id":"blank","text":" \\t\\n\u00a0\u3000"}\n'
        '{"id":"signs","text":"... !?"}\n'
        '{"id":"broken","text":\n'
        '{"id":"","text":"an empty id is an id"}\n'
        '{"id":"list","text":["a"]}\n'
    )
    path = write(tmp_path / "a.jsonl", content.encode())
    rows, eligible = quarantined(spark, path)
    assert rows == [
        ("blank text", "blank", " \t\n\u00a0\u3000"),
        ("blank text", "empty", ""),
        ("malformed record", None, '{"id":"broken","text":'),
        ("no units", "signs", "... !?"),
        ("null text", "absent", None),
        ("null text", "null", None),
    ]
    assert eligible == 3


def test_null_ids_are_quarantined(spark, tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"id": pa.array([1, None, None]), "text": ["a", "b", None]})
    this = job(path)
    with pipeline.statistics(corpus.from_paths(spark, this, this), this) as result:
        rows = result.quarantine.collect()
    assert [(row["id"], row["reason"]) for row in rows] == [(None, "null id")] * 2
    assert {row["text"] for row in rows} == {"b", None}


def test_csv_records_with_too_many_or_too_few_fields_are_malformed(spark, tmp_path):
    path = write(tmp_path / "a.csv", b"id,text\n1,good\n2,too,many\n3\n4,\n")
    rows, eligible = quarantined(spark, path)
    assert [row[:2] for row in rows] == [("malformed record", "2"), ("malformed record", "3"), ("null text", "4")]
    assert eligible == 1


def test_malformed_lines_count_in_the_numbering(spark, tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"text":"a"}\n{"te\n{"text":"b"}\n')
    assert read(spark, path) == [
        (numbered(path, 0), None, "a", None),
        (numbered(path, 1), None, '{"te', "malformed record"),
        (numbered(path, 2), None, "b", None),
    ]


def test_text_that_is_not_utf_8_is_quarantined_from_parquet(spark, tmp_path):
    texts = raw_strings(b"good", b"bad \xff\xfe", "gut ü".encode(), b"cut \xc3")
    path = write_parquet(tmp_path / "a.parquet", {"id": ["a", "b", "c", "d"], "text": texts})
    rows, eligible = quarantined(spark, path)
    assert rows == [("invalid UTF-8", "b", "bad \ufffd\ufffd"), ("invalid UTF-8", "d", "cut \ufffd")]
    assert eligible == 2


@pytest.mark.parametrize("text_document", ["line", "file"])
def test_text_that_is_not_utf_8_is_quarantined_from_text_files(spark, tmp_path, text_document):
    good = write(tmp_path / "a.txt", b"good")
    bad = write(tmp_path / "b.txt", b"bad \xe9t\xe9")
    rows, eligible = quarantined(spark, good, bad, text_document=text_document)
    assert [row[:2] for row in rows] == [("invalid UTF-8", numbered(bad, 0))]
    assert eligible == 1


def test_an_id_that_is_not_utf_8_does_not_fail_the_run(spark, tmp_path):
    columns = {"id": raw_strings(b"a\xff", b"b"), "text": ["x y", "z"]}
    this = job(write_parquet(tmp_path / "a.parquet", columns))
    with pipeline.select(corpus.from_paths(spark, this, this), this) as result:
        assert [row["id"] for row in result.selection.collect()] == ["b"]
        assert result.report.documents.by_reason == {"invalid UTF-8": 1}


def test_a_domain_that_is_not_utf_8_does_not_reach_the_output(spark, tmp_path):
    columns = {"id": ["a", "b"], "text": ["x", " "], "lang": raw_strings(b"e\xff", b"d\xff")}
    this = job(write_parquet(tmp_path / "a.parquet", columns), domain_column="lang")
    with pipeline.select(corpus.from_paths(spark, this, this), this) as result:
        for table in (result.selection, result.quarantine):
            table.toArrow()["domain"].to_pylist()


# What is refused


@pytest.mark.parametrize("inside", ["nothing", "nothing/*.jsonl", "*.jsonl", "nothing.jsonl", "[x].txt"])
def test_a_path_or_glob_that_finds_nothing_is_named(spark, tmp_path, inside):
    with pytest.raises(InputError) as refused:
        open_corpus(spark, f"{tmp_path}/{inside}")
    assert str(refused.value) == f"{tmp_path}/{inside} does not exist: name a file, a folder or a glob that does."


def test_one_missing_path_of_several_is_named(spark, wiki):
    with pytest.raises(InputError, match="/nothing does not exist"):
        open_corpus(spark, wiki / "wiki", wiki / "nothing")


def test_an_empty_folder_is_refused(spark, tmp_path):
    with pytest.raises(InputError, match=r"holds no files: name a file, a folder or a glob that has some"):
        open_corpus(spark, tmp_path)
    (tmp_path / "_SUCCESS").touch()
    with pytest.raises(InputError, match=r"holds no files"):
        open_corpus(spark, tmp_path)


@pytest.mark.parametrize("name", ["a.dat", "parquet", "a.gz", "a.parquet.tmp"])
def test_an_unknown_suffix_asks_for_the_format(spark, tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"no known suffix \(.*\.parquet.*\): .* --input-format"):
        open_corpus(spark, tmp_path / name)


def test_several_formats_in_a_folder_ask_for_a_glob(spark, tmp_path):
    write(tmp_path / "a.txt", b"one")
    write_jsonl(tmp_path / "b.jsonl", [{"text": "two"}])
    with pytest.raises(InputError, match=r"several formats \(json, text\): choose one by a glob, or --input-format"):
        open_corpus(spark, tmp_path)
    write(tmp_path / "README", b"three")
    with pytest.raises(InputError, match=r"several formats \(json, text, others\)"):
        open_corpus(spark, tmp_path)
    assert [row[2] for row in read(spark, tmp_path / "*.txt")] == ["one"]


@pytest.mark.parametrize(
    ("option", "column"),
    [("--text-column", "text_column"), ("--id-column", "id_column"), ("--domain-column", "domain_column")],
)
def test_a_missing_column_names_those_that_are_there(spark, tmp_path, option, column):
    path = write_parquet(tmp_path / "a.parquet", {"id": ["x"], "text": ["y"], "lang": ["z"]})
    with pytest.raises(InputError) as refused:
        open_corpus(spark, path, **{column: "nope"})
    wanted = f"{path} has no column 'nope': choose one of its columns (id, text, lang) with {option}."
    assert str(refused.value) == wanted


@pytest.mark.parametrize(
    "kind",
    [
        "parquet",
        "jsonl",
    ],
)
def test_a_missing_column_names_only_columns_of_the_input(spark, tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        write_parquet(path, {"body": ["y"], "n": [1]})
    else:
        write_jsonl(path, [{"body": "y", "n": 1}])
    with pytest.raises(InputError, match=r"choose one of its columns \(body, n\) with --text-column"):
        open_corpus(spark, path)


@pytest.mark.parametrize(
    ("texts", "type_"), [([1, 2], "bigint"), ([["a"], ["b"]], "array<string>"), ([b"a", b"b"], "binary")]
)
def test_a_text_column_of_a_wrong_type_is_refused(spark, tmp_path, texts, type_):
    path = write_parquet(tmp_path / "a.parquet", {"id": ["x", "y"], "text": texts})
    with pytest.raises(InputError) as refused:
        open_corpus(spark, path)
    assert str(refused.value) == f"column 'text' of {path} is {type_}, not text: choose another with --text-column."


@pytest.mark.parametrize(
    ("ids", "type_"), [([1.0, 2.0], "double"), ([True, False], "boolean"), ([b"a", b"b"], "binary")]
)
def test_an_id_column_of_a_wrong_type_is_refused(spark, tmp_path, ids, type_):
    path = write_parquet(tmp_path / "a.parquet", {"id": ids, "text": ["x", "y"]})
    with pytest.raises(InputError, match=rf"is {type_}: ids must be strings or integers; .* --id-column"):
        open_corpus(spark, path)


@pytest.mark.parametrize("input_format", ["auto", "parquet"])
def test_a_delta_table_is_refused(spark, tmp_path, input_format):
    write_parquet(tmp_path / "a.parquet", {"text": ["a row that the table's log may have deleted"]})
    write(tmp_path / "_delta_log" / "00000000000000000000.json", b"{}")
    with pytest.raises(InputError, match=r"is a Delta table, which this version does not read"):
        open_corpus(spark, tmp_path, input_format=input_format)


def test_a_delta_table_that_a_glob_finds_is_refused(spark, tmp_path):
    write_parquet(tmp_path / "t" / "a.parquet", {"text": ["a row that the table's log may have deleted"]})
    write(tmp_path / "t" / "_delta_log" / "00000000000000000000.json", b"{}")
    with pytest.raises(InputError, match=r"Delta table"):
        open_corpus(spark, tmp_path / "*")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{bad\n",
    ],
    ids=["empty", "malformed"],
)
def test_json_without_one_good_record_says_so(spark, tmp_path, content):
    path = write(tmp_path / "a.jsonl", content)
    with pytest.raises(InputError) as refused:
        read(spark, path)
    assert "its columns ()" not in str(refused.value)
    assert "(offset)" not in str(refused.value)


def test_an_input_without_rows_or_without_usable_rows_is_refused(spark, tmp_path):
    for content, sentence in ((b"id,text\n", "has no rows"), (b"id,text\n1,\n2,...\n", "No document can be used")):
        this = job(write(tmp_path / "a.csv", content))
        with pytest.raises(InputError, match=sentence):
            pipeline.statistics(corpus.from_paths(spark, this, this), this)


def test_a_scheme_that_spark_does_not_know_is_refused(spark):
    with pytest.raises(InputError, match="nosuch"):
        open_corpus(spark, "nosuch://bucket/a.jsonl")


# DataFrames


def ids_of(df, **parameters):
    return sorted((row["id"], row["text"]) for row in corpus.from_dataframe(df, ZipCal(**parameters)).rows.collect())


def test_a_dataframe_without_ids_gets_ids_of_its_content(spark):
    texts = ["one", "two", "two", "three", "two", "ü"]
    df = spark.createDataFrame(pa.table({"text": texts}))
    found = ids_of(df)
    assert len({id_ for id_, _ in found}) == len(texts)
    assert sorted(text for _, text in found) == sorted(texts)
    alone = {text: id_ for id_, text in ids_of(df.where("text = 'one'"))}
    assert (alone["one"], "one") in found
    duplicates = [id_ for id_, text in found if text == "two"]
    assert len({id_.split("#")[0] for id_ in duplicates}) == 1


@pytest.mark.parametrize("partitions", [1, 5])
def test_ids_of_content_do_not_depend_on_the_partitioning(spark, partitions):
    texts = [f"text {n % 40}" for n in range(60)]
    df = spark.createDataFrame(pa.table({"text": texts}))
    assert ids_of(df.repartition(partitions)) == ids_of(df.orderBy("text", ascending=False))


def test_ids_of_content_tell_domains_apart(spark):
    df = spark.createDataFrame(pa.table({"text": ["one", "one"], "lang": ["a", "b"]}))
    by_domain = ids_of(df, domain_column="lang")
    assert len({id_.split("#")[0] for id_, _ in by_domain}) == 2
    assert len({id_.split("#")[0] for id_, _ in ids_of(df)}) == 1


def test_a_dataframe_keeps_its_ids_and_its_domains(spark):
    df = spark.createDataFrame(pa.table({"key": pa.array([5], pa.int32()), "body": ["one"], "lang": ["en"]}))
    found = corpus.from_dataframe(df, ZipCal(id_column="key", text_column="body", domain_column="lang"))
    assert found.id_type == T.IntegerType()
    assert list(map(tuple, found.rows.collect())) == [(5, "en", "one", None)]
    assert [(source.path, source.format) for source in found.sources] == [("", "dataframe")]


def test_a_dataframe_without_the_text_column_is_refused(spark):
    df = spark.createDataFrame(pa.table({"id": ["x"], "body": ["y"]}))
    with pytest.raises(InputError, match=r"the DataFrame has no column 'text': choose one of its columns \(id, body\)"):
        corpus.from_dataframe(df, ZipCal())
    with pytest.raises(InputError, match=r"has no column 'key'"):
        corpus.from_dataframe(df, ZipCal(text_column="body", id_column="key"))
