"""One target under atheris, which ends the process when it is done.

python -m tests.fuzz.guided TARGET REPORT [libFuzzer's options] CORPUS
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import time
import traceback
from pathlib import Path
from random import Random
from types import TracebackType

import atheris

with atheris.instrument_imports(
    include=["motor", "pymongo.hello", "pymongo.server_description", "pymongo.synchronous.auth"]
):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.virtual import Finding

SECONDS = 5.0
"""Processor time that any input may take: a client, its heartbeats, and what watches them."""

SECONDS_A_BYTE = 10e-6
"""The same for each byte that an input stands for. With all that watches it here, code is ten times as slow."""


class Recorder:
    """Runs a target, and keeps one input for each kind of finding: the run goes on."""

    def __init__(self, name: str, report: Path) -> None:
        self._target = TARGETS[name]
        self._report = report
        self._kept: dict[str, str] = {}
        self._write()

    def run(self, data: bytes) -> None:
        """What atheris calls."""
        started = time.process_time()
        try:
            self._target.run(data)
            self._check_time(data, time.process_time() - started)
        except Exception as error:
            self._keep(data, error)

    def mutate(self, data: bytes, longest: int, seed: int) -> bytes:
        """Half of the inputs are made by libFuzzer, the others by the target, which knows what it wants."""
        random = Random(seed)
        if random.random() < 0.5:
            return bytes(atheris.Mutate(data, longest))
        return self._target.mutate(data, random)[:longest]

    def _check_time(self, data: bytes, seconds: float) -> None:
        size = self._target.claims(data)
        if seconds > SECONDS + size * SECONDS_A_BYTE:
            raise Finding(f"{seconds:.1f} s of processor time for {size} bytes")

    def _keep(self, data: bytes, error: Exception) -> None:
        kind = _kind(error)
        if kind in self._kept:
            return
        path = self._report.parent / f"finding-{hashlib.sha256(kind.encode()).hexdigest()[:12]}"
        path.write_bytes(data)
        path.with_suffix(".txt").write_text("".join(traceback.format_exception(error)))
        self._kept[kind] = str(path)
        self._write()

    def _write(self) -> None:
        self._report.write_text(json.dumps(list(self._kept.values())))


def _kind(error: BaseException) -> str:
    """The types of the exceptions that led to it, and where the first was raised."""
    names = [type(error).__name__]
    while error.__cause__ is not None:
        error = error.__cause__
        names.append(type(error).__name__)
    return f"{names} {_place(error.__traceback__)}"


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if "motor" in Path(frame.filename).parts] or list(frames)
    return f"{ours[-1].filename}:{ours[-1].lineno}" if ours else ""


def main() -> None:
    """Does not return."""
    # A warning for every strange hello is none of the findings.
    logging.disable(logging.CRITICAL)
    name, report = sys.argv[1], Path(sys.argv[2])
    recorder = Recorder(name, report)
    prefix = f"-artifact_prefix={report.parent}/"
    options = [sys.argv[0], "-print_final_stats=1", "-max_len=8192", "-len_control=0", prefix, *sys.argv[3:]]
    atheris.Setup(options, recorder.run, custom_mutator=recorder.mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
