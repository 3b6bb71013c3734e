"""The memory that a container leaves."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from rlbreakout.common import memory
from rlbreakout.common.errors import FAILED, UserError, one_line
from rlbreakout.common.memory import free_memory
from tests.conftest import dqn_config, rlbreakout

MEGABYTE = 1_000_000


def cgroup(folder: Path, limit: str, used: int, names: tuple[str, str] = ("memory.max", "memory.current")) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    values = (limit, str(used), f"anon 1\ninactive_file {MEGABYTE}")
    for name, value in zip((*names, "memory.stat"), values, strict=True):
        (folder / name).write_text(f"{value}\n")


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    monkeypatch.setattr(memory, "OWN_CGROUPS", tmp_path / "own")
    return tmp_path


def test_without_a_limit_it_is_what_the_machine_has(cgroups: Path) -> None:
    assert free_memory() == pytest.approx(psutil.virtual_memory().available, rel=0.2)
    cgroup(cgroups, "max", 5 * MEGABYTE)
    assert free_memory() == pytest.approx(psutil.virtual_memory().available, rel=0.2)


def test_the_smallest_limit_above_the_process_counts(cgroups: Path) -> None:
    (cgroups / "own").write_text("0::/pod/container\n")
    cgroup(cgroups / "pod" / "container", str(900 * MEGABYTE), 100 * MEGABYTE)
    assert free_memory() == 801 * MEGABYTE  # dropped files make room
    cgroup(cgroups / "pod", str(300 * MEGABYTE), 200 * MEGABYTE)
    assert free_memory() == 101 * MEGABYTE


def test_the_first_version_of_cgroups_counts_too(cgroups: Path) -> None:
    (cgroups / "own").write_text("5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n")
    cgroup(cgroups / "memory", str(64 * MEGABYTE), 14 * MEGABYTE, ("memory.limit_in_bytes", "memory.usage_in_bytes"))
    assert free_memory() == 51 * MEGABYTE


def test_a_replay_buffer_that_does_not_fit_into_the_container_is_refused(cgroups: Path) -> None:
    from rlbreakout.envs import make_vec_env
    from rlbreakout.training.value import ValueAgent

    cgroup(cgroups, str(50 * MEGABYTE), 0)
    config = dqn_config("value.memory_size=100000")
    env = make_vec_env(config)
    with pytest.raises(UserError, match="51 MB are free on this machine"):
        ValueAgent(config, env.observation_space, env.action_space, n_envs=env.num_envs)
    env.close()


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory: 8 bytes")]
)
def test_memory_that_is_not_there_is_said_in_one_line(error: Exception) -> None:
    line = one_line(error)
    assert line is not None and line.status == FAILED
    assert "not enough memory" in line.text and "\n" not in line.text


def test_names_that_are_too_long_are_refused_before_anything_plays(tmp_path: Path) -> None:
    for arguments in (
        ("evaluate", "random", "--games", "1", "--json", tmp_path / ("x" * 300)),
        ("evaluate", "x" * 300),
        ("train", "x" * 300),
        ("train", "2.3_zoo", "--run-dir", tmp_path / ("x" * 300)),
        ("gif", "champion", "--out", tmp_path / ("x" * 300 + ".gif")),
        ("tune", "4.0_study_1", "--run-dir", tmp_path / ("x" * 300)),
    ):
        done = rlbreakout(*arguments)
        assert done.returncode == 2, done.stderr
        assert done.stderr.count("\n") == 1 and "too long" in done.stderr.lower(), done.stderr
    assert not list(tmp_path.iterdir())


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 250 + ".json")
    done = rlbreakout("evaluate", "random", "--games", "1", "--env", "twin", "--json", file)
    assert done.returncode == 0 and file.exists(), done.stderr
