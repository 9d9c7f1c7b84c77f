"""The README is true: its commands and its code run, one after the other, as a reader would run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)


def checkout(folder: Path) -> Path:
    """A copy of what a clone has, as it stands now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def run(command: list[str], folder: Path, path: str = os.environ["PATH"]) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYSPARK")}
    environment["PATH"] = path
    environment["PYTHONSAFEPATH"] = "1"  # the package as installed: a copy's loops would be compiled once more
    no_input = subprocess.DEVNULL
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=no_input, env=environment)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_all_commands_and_all_code_run_in_order(tmp_path):
    clone = checkout(tmp_path / "clone")
    if not (ROOT / ".venv" / ".installed").exists():
        pytest.skip("this is no installation by make")
    (clone / ".venv").symlink_to(ROOT / ".venv")
    (clone / ".venv" / ".installed").touch()  # newer than the copy of pyproject.toml
    printed = []
    path = os.environ["PATH"]
    for language, block in BLOCKS:
        if language == "python":
            printed.append(run(["python", "-c", block], clone, path))
            continue
        for command in block.splitlines():
            assert re.match(r"(make|zipcal|printf|source|spark-submit) ", command), f"of an unknown kind: {command}"
            if command == "source .venv/bin/activate":
                path = f"{clone / '.venv/bin'}:{path}"
            # `make test` is what is running now.
            printed.append(run(["bash", "-c", "make -n test" if command == "make test" else command], clone, path))
    everything = "\n".join(printed)
    assert "Proven      at least" in everything
    assert "proven share of the optimum" in everything
    for folder in ("zipcal-demo/out", "OUT", "OUT-RANDOM", "OUT-IDF", "OUT-PYTHON", "OUT-SUBMIT"):
        assert (clone / folder / "report.json").exists(), folder
        assert list((clone / folder / "selection").glob("*.parquet")), folder
    assert not (clone / "STATS/selection").exists()


@pytest.mark.slow
def test_a_fresh_clone_needs_two_commands_only(tmp_path):
    clone = checkout(tmp_path / "clone")
    run(["make", f"PYTHON={sys.executable}", "demo"], clone)
    assert (clone / "zipcal-demo/out/report.json").exists()
    assert "passed" in run(["make", "test"], clone)
