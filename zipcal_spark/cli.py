"""The `zipcal` command: parse, call, print; no work of its own."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import cyclopts
import yaml
from cyclopts import App, Group, Parameter

from zipcal_spark import __version__
from zipcal_spark.config import DemoParameters, SelectJob, StatsJob
from zipcal_spark.errors import InputError, ZipcalError
from zipcal_spark.terminal import Display, print_comparison, print_summary, printable


def _convert(type_: Any, tokens: Sequence[cyclopts.Token]) -> Any:
    """Whole numbers are whole: cyclopts would round 1.5."""
    if type_ is not int:
        return cyclopts.convert(type_, tokens)
    try:
        return int(tokens[0].value)
    except ValueError:
        given = tokens[0]
        raise InputError(f"{given.keyword or 'A number'} is {given.value!r}: it must be a whole number.") from None


app = App(
    name="zipcal",
    help="Pick the documents that cover the most vocabulary, as calibration data for model compression.",
    version=__version__,
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative=(), converter=_convert),
)
app.meta.group_parameters = Group("Configuration", sort_key=9)
app.meta.suppress_keyboard_interrupt = False

_Flat = Parameter(name="*")


@app.command
def select(job: Annotated[SelectJob, _Flat]) -> None:
    """Select the k documents that cover the most vocabulary, and write them with the vocabulary and a report.

    Example: zipcal select --input 'wiki=data/wiki/*.parquet' --input qa=qa.jsonl.gz --output OUT --k 128
    """
    from zipcal_spark.run import run_select

    with Display() as display:
        report = run_select(job, display)
    print_summary(report, job.output)


@app.command
def stats(job: Annotated[StatsJob, _Flat]) -> None:
    """Count the vocabulary: write it with a report, without a selection.

    Example: zipcal stats --input data/wiki --output OUT
    """
    from zipcal_spark.run import run_stats

    with Display() as display:
        report = run_stats(job, display)
    print_summary(report, job.output)


@app.command
def compare(*outputs: str) -> None:
    """Print selections side by side.

    Example: zipcal compare OUT1 OUT2

    Parameters
    ----------
    outputs : str
        Output folders of zipcal select, two or more.
    """
    from zipcal_spark.compare import read_output

    if len(outputs) < 2:
        raise InputError("Nothing to compare: name two output folders or more.")
    print_comparison([read_output(output) for output in outputs])


@app.command
def demo(parameters: Annotated[DemoParameters, _Flat] = DemoParameters()) -> None:  # noqa: B008  # frozen
    """Run the whole road on text that every machine has: the docstrings of the installed Python packages.

    Example: zipcal demo
    """
    from zipcal_spark.demo import demo_job, run_demo

    with Display() as display:
        report = run_demo(parameters, display)
    print_summary(report, demo_job(parameters).output)


@app.meta.default
def _with_config(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    config: Path | None = None,
) -> None:
    """
    Parameters
    ----------
    config : Path
        A YAML file of parameters, named as the options are; the command line wins.
    """
    app.config = (_yaml(config),) if config else ()
    app(tokens, exit_on_error=False, print_error=False, result_action="return_value")


def _yaml(path: Path) -> cyclopts.config.Dict:
    """The parameters of a YAML file."""
    try:
        parameters = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        cause = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({cause}): --config takes a YAML file of parameters.") from error
    if not isinstance(parameters, dict):
        raise InputError(f"{path} is no mapping of parameters to values: write lines such as 'k: 128'.")
    for key in parameters:
        if key == "config" or key in app:
            raise InputError(f"{path} has the key {key!r}, which is no parameter: put parameters at its top level.")
    return cyclopts.config.Dict(parameters, source=str(path), use_commands_as_keys=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns
    -------
    int
        Exit status: 0 done; 2 bad usage or bad input; 1 the run failed. Nothing is written where it is not 0.
    """
    app.config = ()
    logging.getLogger().addHandler(logging.NullHandler())  # what libraries log is not for the terminal
    try:
        app.meta(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except cyclopts.UnusedCliTokensError as error:
        unused = " ".join(error.unused_tokens or ())
        return _fail(f"Not understood: {unused}. Quote a glob, and repeat --input for each path.", 2)
    except cyclopts.CycloptsError as error:
        sentence = str(error).strip().rstrip(".")
        return _fail(f"{sentence}. See zipcal --help.", InputError.exit_status)
    except ZipcalError as error:
        return _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        return _fail("Stopped; nothing was written.", 130)
    return 0


def _fail(sentence: str, status: int) -> int:
    print(f"zipcal: {printable(sentence)}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
