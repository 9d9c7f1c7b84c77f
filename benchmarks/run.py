"""Run the comparisons: `python -m benchmarks.run [NAME ...]`. Writes benchmarks/results/NAME.json."""

from __future__ import annotations

import gzip
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.generate import WORKLOADS, write

HERE = Path(__file__).parent
_PEERS = HERE / "peers"
_PERIOD = 1.0  # seconds between two looks at the memory: a look costs the processes time


def measure(command: list[str]) -> dict[str, Any]:
    """Run a command as a whole process.

    Returns
    -------
    dict
        `seconds` of wall time; `peak_bytes`, the largest sum over the process and all its descendants of proportional
        set sizes, as sampled; `output`.
    """
    peak = 0
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        done = threading.Event()

        def sample() -> None:
            nonlocal peak
            while not done.wait(_PERIOD):
                peak = max(peak, _memory(process.pid))

        sampler = threading.Thread(target=sample)
        sampler.start()
        output, _ = process.communicate()
        seconds = time.perf_counter() - start
        done.set()
        sampler.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return {"seconds": round(seconds, 2), "peak_bytes": peak, "output": output}


def _memory(pid: int) -> int:
    """Proportional set sizes of a process and all its descendants, in bytes."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
    except psutil.Error:
        return total
    return total


def ours(path: Path, k: int) -> dict[str, Any]:
    """One cold `zipcal select`, with its report."""
    folder = tempfile.mkdtemp()
    try:
        zipcal = str(Path(sys.executable).with_name("zipcal"))
        run = measure([zipcal, "select", "--input", str(path), "--output", f"{folder}/out", "--k", str(k)])
        report = json.loads(Path(folder, "out", "report.json").read_text())
    finally:
        shutil.rmtree(folder)
    run["output"] = None
    return run | {"timings": report["timings"], "selection": report["selection"] | {"first_picks": None}}


def peer(name: str, *arguments: object) -> dict[str, Any]:
    """One run of a script in `peers`."""
    run = measure([sys.executable, str(_PEERS / f"{name}.py"), *map(str, arguments)])
    return run | {"output": json.loads(run["output"])}


def data(name: str) -> Path:
    """A workload's file, made where it is missing."""
    path = HERE / "data" / f"{name}.parquet"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        aside = path.with_suffix(".part")
        if name == "d":
            write_real(aside)
        else:
            write(WORKLOADS[name], aside)
        aside.rename(path)
    path.read_bytes()  # all runs find it in the system's cache
    return path


def write_real(path: Path) -> None:
    """All files of real text as one corpus."""
    rows = []
    for file in sorted((HERE.parent.parent / "shared" / "data").glob("*.jsonl.gz")):
        with gzip.open(file, "rt") as lines:
            rows += [{"id": f"{file.name}-{n:06d}", "text": json.loads(line)["text"]} for n, line in enumerate(lines)]
    if not rows:
        raise SystemExit("The real text is not here: leave d out.")
    pq.write_table(pa.Table.from_pylist(rows), path)


def compare(name: str, sides: dict[str, Callable[[], dict[str, Any]]], runs: int = 3) -> None:
    """Run the sides in turn, so that a drift of the machine's speed meets all of them; write what came out."""
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for _ in range(runs):
        for side, run in sides.items():
            found[side].append(run())
            print(name, side, found[side][-1]["seconds"], flush=True)
    packages = ("pyspark", "pyarrow", "numpy", "numba", "duckdb")
    result = {
        "name": name,
        "median_seconds": {side: statistics.median(run["seconds"] for run in ran) for side, ran in found.items()},
        "peak_bytes": {side: max(run["peak_bytes"] for run in ran) for side, ran in found.items()},
        "machine": {"cores": os.cpu_count(), "memory": psutil.virtual_memory().total, "system": platform.platform()},
        "versions": {"python": platform.python_version(), **{package: version(package) for package in packages}},
        "runs": found,
    }
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")


COMPARISONS: dict[str, Callable[[], None]] = {
    "a": lambda: compare(
        "a", {"zipcal": lambda: ours(data("a"), 1024), "duckdb": lambda: peer("duckdb_count", data("a"))}
    ),
    "b": lambda: compare("b", {"zipcal": lambda: ours(data("b"), 1024)}),
    "c": lambda: compare(
        "c", {"zipcal": lambda: ours(data("c"), 1024), "duckdb": lambda: peer("duckdb_count", data("c"))}
    ),
    "d": lambda: compare(
        "d", {"zipcal": lambda: ours(data("d"), 512), "plain": lambda: peer("plain_greedy", data("d"), 512)}
    ),
    "e": lambda: compare("e", {"zipcal": lambda: ours(data("e"), 1024)}),
    "small": lambda: compare(
        "small", {"zipcal": lambda: ours(data("small"), 128), "plain": lambda: peer("plain_greedy", data("small"), 128)}
    ),
    "plain": lambda: compare(
        "plain", {"zipcal": lambda: ours(data("a"), 1024), "plain": lambda: peer("plain_greedy", data("a"), 1024)}
    ),
    "paper": lambda: compare(
        "paper",
        {
            "zipcal": lambda: ours(data("middle"), 1024),
            "paper": lambda: peer("paper_method", data("middle"), 1024),
            "plain": lambda: peer("plain_greedy", data("middle"), 1024),
        },
    ),
}


if __name__ == "__main__":
    for chosen in sys.argv[1:] or COMPARISONS:
        COMPARISONS[chosen]()
