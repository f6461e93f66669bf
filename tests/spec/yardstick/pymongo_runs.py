"""PyMongo's side, from here: an environment for its runner, and one run on each deployment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from pymongo.uri_parser import parse_uri

from tests.locks import YARDSTICK

from ..deployments import Deployment
from ..fetch import CACHE, VERSION, spec_folder
from .outcomes import Outcome, Outcomes

_SCRIPT = Path(__file__).with_name("pymongo_side.py")
_INSTALL = Path(__file__).parents[3] / "scripts" / "install"


def run_pymongo(folders: Collection[str], deployments: list[Deployment]) -> Outcomes:
    """Run the cases of these folders, each on the first deployment that it isn't skipped on."""
    python = _environment()
    outcomes: Outcomes = {}
    for deployment in deployments:
        print(f"yardstick: PyMongo on {deployment.uri}", flush=True)
        decided = [case for case, outcome in outcomes.items() if outcome.kind != "skipped"]
        outcomes |= _run(python, deployment, folders, decided)
    return outcomes


def _run(python: Path, deployment: Deployment, folders: Collection[str], decided: list[str]) -> Outcomes:
    with tempfile.TemporaryFile("w+") as log:
        done = subprocess.run(
            [python, _SCRIPT],
            cwd=spec_folder().parent,
            env={**os.environ, **_variables(deployment)},
            input=json.dumps({"folders": list(folders), "left_out": decided}),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        if done.returncode:
            log.seek(0)
            raise RuntimeError(f"PyMongo's runner ended with exit status {done.returncode}:\n{log.read()}")
    reports = map(json.loads, done.stdout.splitlines())
    return {report["case"]: Outcome(report["kind"], report["why"]) for report in reports}


def _variables(deployment: Deployment) -> dict[str, str]:
    """What PyMongo's tests want to know."""
    if deployment.load_balanced:
        assert deployment.uri_of_several is not None
        return {
            "TEST_LOAD_BALANCER": "1",
            "SINGLE_MONGOS_LB_URI": deployment.uri,
            "MULTI_MONGOS_LB_URI": deployment.uri_of_several,
        }
    host, port = parse_uri(deployment.uri)["nodelist"][0]
    return {"DB_IP": host, "DB_PORT": str(port)}


def _environment() -> Path:
    """The interpreter of an environment with the PyMongo that the tests are of."""
    folder = CACHE / f"pymongo-{VERSION}-environment"
    subprocess.run([_INSTALL, folder, YARDSTICK], check=True, env={**os.environ, "PYTHON": sys.executable})
    return folder / "bin" / "python"
