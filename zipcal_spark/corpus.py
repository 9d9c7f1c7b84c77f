"""Paths and DataFrames -> the corpus: rows of (id, domain, text, fault), the same whatever the partitioning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from zipcal_spark.config import CorpusParameters, JobParameters
from zipcal_spark.errors import InputError, cause_of
from zipcal_spark.files import Files

_SUFFIXES = {
    ".parquet": "parquet",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".txt": "text",
}
_COMPRESSED = (".gz", ".bz2", ".zst")
_INTEGERS = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_MALFORMED = "_zipcal_malformed"
_FILE, _START, _ROW, _BEFORE = "_zipcal_file", "_zipcal_start", "_zipcal_row", "_zipcal_before"


@dataclass(frozen=True)
class Source:
    """Where documents came from, as the report says it.

    Attributes
    ----------
    path : str
        As it was given; empty for a DataFrame of the caller.
    domain : str or None
        The domain that it was given.
    format : str
    schema : str
        The columns that were found, as DDL.
    """

    path: str
    domain: str | None
    format: str
    schema: str


@dataclass(frozen=True)
class Corpus:
    """The documents of a run.

    Attributes
    ----------
    rows : DataFrame
        `id` string or bigint, `domain` string, `text` string, and `fault`: the reason why a row cannot be used, or
        null. Id and text may be no UTF-8: `reading` looks.
    id_type : pyspark DataType
        Of the ids as they came; the selection gives them back in it.
    sources : tuple of Source
    """

    rows: DataFrame
    id_type: T.DataType
    sources: tuple[Source, ...]

    @property
    def arrow_id(self) -> pa.DataType:
        """The Arrow type of `id` in `rows`."""
        return pa.int64() if isinstance(self.rows.schema["id"].dataType, T.LongType) else pa.string()


def from_dataframe(df: DataFrame, parameters: CorpusParameters) -> Corpus:
    """The corpus of a DataFrame.

    Without an id column, an id is the hash of domain and text, with a number where these occur more than once.

    Raises
    ------
    InputError
        A column is missing or of a type that cannot be used.
    """
    source = Source("", None, "dataframe", _ddl(df))
    id_column = _id_column(df, parameters, "the DataFrame")
    rows = _documents(df, parameters, None, id_column, "the DataFrame")
    if id_column is None:
        same = Window.partitionBy("id").orderBy("id")
        number = F.format_string("%09d", F.row_number().over(same) - 1)
        content = F.sha2(F.concat_ws("\0", F.coalesce("domain", F.lit("")), F.coalesce("text", F.lit(""))), 256)
        rows = rows.withColumn("id", F.substring(content, 1, 32))
        rows = rows.withColumn("id", F.concat("id", F.lit("#"), number))
    return _corpus([(rows, source)])


def from_paths(spark: SparkSession, job: JobParameters, parameters: CorpusParameters) -> Corpus:
    """The corpus of files.

    Without an id column, an id is the file's path, '#', and the row's number in the file, from 0, in nine digits.

    Raises
    ------
    InputError
        A path does not exist, holds nothing, is of no known format, or lacks a column.
    """
    return _corpus([_read(spark, given, job, parameters) for given in job.input])


def _corpus(parts: list[tuple[DataFrame, Source]]) -> Corpus:
    types = [rows.schema["id"].dataType for rows, _ in parts]
    id_type = types[0] if len(set(types)) == 1 else _common_type(types)
    internal = "bigint" if isinstance(id_type, _INTEGERS) else "string"
    rows = reduce(DataFrame.unionByName, [rows.withColumn("id", F.col("id").cast(internal)) for rows, _ in parts])
    return Corpus(rows, id_type, tuple(source for _, source in parts))


def _common_type(types: list[T.DataType]) -> T.DataType:
    return T.LongType() if all(isinstance(type_, _INTEGERS) for type_ in types) else T.StringType()


def _read(
    spark: SparkSession, given: str, job: JobParameters, parameters: CorpusParameters
) -> tuple[DataFrame, Source]:
    """The documents of one `--input`."""
    domain, path = split_name(given)
    format_ = _format(spark, path, job.input_format)
    try:
        df = _load(spark, path, format_, job.text_document)
    except (PySparkException, Py4JJavaError) as error:
        raise _cannot_read(path, error) from error
    if format_ == "text":
        df = df.withColumnRenamed("value", parameters.text_column)
    schema = _ddl(df)
    id_column = _id_column(df, parameters, path)
    if id_column is None:
        df = _with_file_and_row(df, format_, job.text_document)
    rows = _documents(df, parameters, domain, id_column, path)
    return rows, Source(path, domain, format_, schema)


def split_name(given: str) -> tuple[str | None, str]:
    """NAME, or None, and PATH of an input [NAME=]PATH: a NAME has no '/' and no ':'."""
    match = re.fullmatch(r"([^=/:\\]+)=(.+)", given, re.DOTALL)
    return (match[1], match[2]) if match else (None, given)


def _format(spark: SparkSession, path: str, format_: str) -> str:
    """The format of the files at a path, by their suffixes where it is `auto`."""
    if Files(spark, path).found(f"{path.rstrip('/')}/_delta_log"):
        raise InputError(f"{path} is a Delta table, which this version does not read: export it to Parquet first.")
    try:
        files = spark.read.format("text").load(_escaped(spark, path)).inputFiles()
    except (PySparkException, Py4JJavaError) as error:
        raise _cannot_read(path, error) from error
    if not files:
        raise InputError(f"{path} holds no files: name a file, a folder or a glob that has some.")
    if format_ != "auto":
        return format_
    formats = {_SUFFIXES.get(_suffix(file)) for file in files}
    known = sorted(format_ for format_ in formats if format_)
    if len(formats) == 1 and known:
        return known[0]
    if known:
        found = ", ".join(known + (["others"] if None in formats else []))
        raise InputError(f"{path} holds files of several formats ({found}): choose one by a glob, or --input-format.")
    raise InputError(
        f"{path} holds files of no known suffix ({', '.join(_SUFFIXES)}): say what they are with --input-format."
    )


def _suffix(file: str) -> str:
    """The suffix that names a file's format, without that of its compression."""
    name = file.rsplit("/", 1)[-1].lower()
    for compressed in _COMPRESSED:
        name = name.removesuffix(compressed)
    return "." + name.rsplit(".", 1)[-1] if "." in name else ""


def _escaped(spark: SparkSession, path: str) -> str:
    """The path for Spark's readers: a file whose name looks like a glob is that file."""
    if re.search(r"[\[\]{}*?\\]", path) and Files(spark, path).exists(path):
        return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)
    return path


def _load(spark: SparkSession, path: str, format_: str, text_document: str) -> DataFrame:
    reader = spark.read.format(format_)
    if format_ == "text":
        reader = reader.option("wholetext", text_document == "file")
    if format_ == "csv":
        reader = reader.options(header=True, multiLine=True, escape='"', enforceSchema=False)
    if format_ in ("json", "csv"):
        reader = reader.options(mode="PERMISSIVE", columnNameOfCorruptRecord=_MALFORMED)
    location = _escaped(spark, path)
    if format_ == "csv":
        # Spark fills the column for malformed records only where the schema has it.
        schema = reader.load(location).schema
        reader = reader.schema(schema.add(_MALFORMED, T.StringType()))
    return reader.load(location)


def _cannot_read(path: str, error: Exception) -> InputError:
    condition = (error.getCondition() if isinstance(error, PySparkException) else None) or ""
    if condition.startswith("PATH_NOT_FOUND"):
        return InputError(f"{path} does not exist: name a file, a folder or a glob that does.")
    if condition.startswith("UNABLE_TO_INFER_SCHEMA"):
        return InputError(f"{path} holds nothing that can be read: name files with at least one row.")
    return InputError(f"{path} cannot be read ({cause_of(error)}): check the path and --input-format.")


def reading_fault(error: Exception) -> InputError | None:
    """What is wrong with the input if Spark found it only while it read; None if it is something else."""
    text = str(error)
    if "CSV header does not conform to the schema" in text:
        file = re.search(r"CSV file: (\S+)", text)
        return InputError(
            f"The CSV file {unquote(file[1]) if file else ''} has other columns than the first one of its input: "
            "give files of different columns as several --input."
        )
    if file := re.search(r"\[FAILED_READ_FILE[^]]*\] Encountered error while reading file (\S+?)\.?\s", text):
        return InputError(f"{unquote(file[1])} cannot be read ({cause_of(error)}): replace it, or leave it out.")
    return None


def _ddl(df: DataFrame) -> str:
    return ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in df.schema if field.name != _MALFORMED)


def _id_column(df: DataFrame, parameters: CorpusParameters, place: str) -> str | None:
    if parameters.id_column is None:
        return "id" if "id" in df.columns else None
    _must_have(df, parameters.id_column, "--id-column", place)
    return parameters.id_column


def _must_have(df: DataFrame, column: str, option: str, place: str) -> None:
    if column not in df.columns:
        there = ", ".join(name for name in df.columns if not name.startswith("_zipcal_"))
        if not there:
            raise InputError(f"{place} has no record that can be read: look at the file, and at --input-format.")
        raise InputError(f"{place} has no column {column!r}: choose one of its columns ({there}) with {option}.")


def _documents(
    df: DataFrame, parameters: CorpusParameters, domain: str | None, id_column: str | None, place: str
) -> DataFrame:
    """Rows of `Corpus.rows`, the id in its own type; null where `id_column` is None and the rows carry no place."""
    _must_have(df, parameters.text_column, "--text-column", place)
    text = _column(parameters.text_column)
    text_type = df.schema[parameters.text_column].dataType
    if not isinstance(text_type, T.StringType | T.NullType):
        raise InputError(
            f"column {parameters.text_column!r} of {place} is {text_type.simpleString()}, not text: "
            "choose another with --text-column."
        )
    label: Column = F.lit(domain).cast("string")
    if domain is None and parameters.domain_column is not None:
        _must_have(df, parameters.domain_column, "--domain-column", place)
        label = F.make_valid_utf8(_column(parameters.domain_column).cast("string"))
    fault: Column = F.lit(None).cast("string")
    text = text.cast("string")
    if _MALFORMED in df.columns:
        malformed = _column(_MALFORMED).isNotNull()
        fault, text = F.when(malformed, F.lit("malformed record")), F.coalesce(text, _column(_MALFORMED))
    if id_column is not None:
        id_type = df.schema[id_column].dataType
        if not isinstance(id_type, (*_INTEGERS, T.StringType)):
            raise InputError(
                f"column {id_column!r} of {place} is {id_type.simpleString()}: ids must be strings or integers; "
                "choose another with --id-column."
            )
        id_ = _column(id_column)
        if isinstance(id_type, T.StringType):
            id_ = id_.cast("string")  # without a collation: ids are compared by their bytes
    elif _FILE in df.columns:
        id_ = F.concat(_FILE, F.lit("#"), F.format_string("%09d", F.col(_ROW)))
    else:
        id_ = F.lit(None).cast("string")
    return df.select(id_.alias("id"), label.alias("domain"), text.alias("text"), fault.alias("fault"))


def _column(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")


def _with_file_and_row(df: DataFrame, format_: str, text_document: str) -> DataFrame:
    """Add the file of each row and its number there, from 0: the same however Spark splits the files."""
    path = F.url_decode(F.regexp_replace("_metadata.file_path", "\\+", "%2B"))
    file = F.regexp_replace(path, "^file:/*", "/").alias(_FILE)
    if format_ == "parquet":
        return df.select("*", file, F.col("_metadata.row_index").alias(_ROW))
    if format_ == "text" and text_document == "file":
        return df.select("*", file, F.lit(0).alias(_ROW))
    located = df.select("*", file, F.col("_metadata.file_block_start").alias(_START))
    schema = T.StructType([*located.schema.fields, T.StructField(_ROW, T.LongType())])
    numbered = located.mapInArrow(_number_rows, schema)
    # Where a file was split, a part's rows follow those of the parts before it.
    before = Window.partitionBy(_FILE).orderBy(_START).rowsBetween(Window.unboundedPreceding, -1)
    sizes = numbered.groupBy(_FILE, _START).agg(F.count("*").alias(_BEFORE))
    offsets = sizes.select(_FILE, _START, F.coalesce(F.sum(_BEFORE).over(before), F.lit(0)).alias(_BEFORE))
    placed = numbered.join(F.broadcast(offsets), [_FILE, _START])
    return placed.withColumn(_ROW, F.col(_ROW) + F.col(_BEFORE))


def _number_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Number the rows of each part of a file, in the order in which they are read."""
    last: tuple[str, int] | None = None
    following = 0
    for batch in batches:
        files, starts = batch[_FILE].dictionary_encode(), batch[_START].to_numpy()
        codes = files.indices.to_numpy()
        changes = np.flatnonzero((codes[1:] != codes[:-1]) | (starts[1:] != starts[:-1])) + 1
        rows = np.empty(len(batch), np.int64)
        for begin, end in zip([0, *changes], [*changes, len(batch)], strict=True):
            if begin == end:
                continue
            part = (files.dictionary[codes[begin]].as_py(), int(starts[begin]))
            following = following if part == last else 0
            rows[begin:end] = following + np.arange(end - begin)
            last, following = part, following + end - begin
        yield pa.record_batch([*batch.columns, pa.array(rows)], names=[*batch.schema.names, _ROW])
