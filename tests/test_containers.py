"""Dockerfile, compose.yaml and devcontainer: what they run exists. Nothing here starts a container."""

from __future__ import annotations

import json
import re
import shlex

import yaml

from rlbreakout.cli import parser
from rlbreakout.config import load_config
from tests.conftest import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = ROOT / "lessons" / "4_tuning" / "many_machines" / "compose.yaml"


def test_the_dockerfile_runs_what_the_makefile_has() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"setup", "tour"} <= set(targets)
    assert "RUN make setup" in DOCKERFILE and 'CMD ["make", "tour"]' in DOCKERFILE
    copied = [word for line in DOCKERFILE.splitlines() if line.startswith("COPY") for word in line.split()[1:-1]]
    assert all((ROOT / word).exists() for word in copied)
    (shown,) = re.findall(r"rlbreakout (watch .*?--port \d+)", DOCKERFILE)
    assert parser().parse_args(shlex.split(shown)).host == "0.0.0.0"
    settings = (ROOT / "Makefile").read_text()
    for part in ("--constraint constraints.txt", '"torch>=2.8,<2.14"'):
        assert part in DOCKERFILE and part in settings


def test_the_devcontainer_builds_the_dockerfile() -> None:
    folder = ROOT / ".devcontainer"
    settings = json.loads((folder / "devcontainer.json").read_text())
    assert (folder / settings["build"]["dockerfile"]).samefile(ROOT / "Dockerfile")


def test_composes_workers_work_on_the_database_that_it_starts() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    database, worker, dashboard = (services[name] for name in ("database", "worker", "dashboard"))
    own = database["environment"]
    url = worker["environment"]["RLBREAKOUT_STORAGE"]
    expected = f"postgresql://{own['POSTGRES_USER']}:{own['POSTGRES_PASSWORD']}@database/{own['POSTGRES_DB']}"
    assert url == dashboard["environment"]["RLBREAKOUT_STORAGE"] == expected
    program, *arguments = shlex.split(worker["command"])
    asked = parser().parse_args(arguments)
    assert program == "rlbreakout" and asked.command == "tune" and load_config(asked.config).tuning is not None
    assert (COMPOSE.parent / worker["build"]).samefile(ROOT)
    assert all(port.startswith("127.0.0.1:") for port in dashboard["ports"])
