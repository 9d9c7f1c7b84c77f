"""What a run tells while it goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Is told of stages and of what happens in them; the terminal's display is one, `Silent` another."""

    def stage(self, title: str) -> None:
        """A stage begins."""

    def detail(self, text: str) -> None:
        """Something to know about the present stage."""


class Silent:
    """Says nothing."""

    def stage(self, title: str) -> None:
        """See `Progress`."""

    def detail(self, text: str) -> None:
        """See `Progress`."""


class Stages:
    """The stages of a run: announced to a display, and timed.

    Parameters
    ----------
    progress : Progress

    Attributes
    ----------
    timings : dict of str to float
        Seconds a stage.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.timings: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, title: str) -> Iterator[None]:
        """Time the block as the stage `name`, announced as `title`."""
        self.progress.stage(title)
        start = time.perf_counter()
        yield
        self.timings[name] = round(self.timings.get(name, 0.0) + time.perf_counter() - start, 3)
