"""Files from strangers: none of them runs code, none of them takes the machine down."""

from __future__ import annotations

import base64
import json
import pickle
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import psutil
import pytest
import yaml
from stable_baselines3 import A2C, PPO

from rlbreakout.agents.save_load import find_model, load_agent
from rlbreakout.common.errors import UserError
from rlbreakout.common.yaml import read_yaml, to_yaml
from rlbreakout.config import load_config
from rlbreakout.evaluation.evaluate import evaluate
from rlbreakout.training.train import train
from tests.conftest import ROOT, rlbreakout


class Hostile:
    """Unpickling it makes a file."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self):
        return Path.touch, (self.made,)


class Screens(gym.Env):
    """What AtariWrapper shows, stacked, channels first."""

    observation_space = gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
    action_space = gym.spaces.Discrete(4)

    def reset(self, *, seed=None, options=None):
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}


@pytest.fixture(scope="module")
def sb3_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An honest zip."""
    path = tmp_path_factory.mktemp("zip") / "ppo.zip"
    PPO("CnnPolicy", Screens(), n_steps=8, batch_size=8).save(path)
    return path


@pytest.fixture
def copy(tiny_run: Path, tmp_path: Path) -> Path:
    """A model folder, to be tampered with."""
    return Path(shutil.copytree(tiny_run / "last", tmp_path / "model"))


def hostile(sb3_zip: Path, folder: Path) -> tuple[Path, Path]:
    """The zip with one more setting, which makes a file when it is loaded; and that file."""
    made, bad = folder / "made", folder / "hostile.zip"
    serialized = base64.b64encode(pickle.dumps(Hostile(made))).decode()
    with zipfile.ZipFile(sb3_zip) as good, zipfile.ZipFile(bad, "w") as out:
        for name in good.namelist():
            content = good.read(name)
            if name == "data":
                content = json.dumps({**json.loads(content), "x": {":type:": "x", ":serialized:": serialized}}).encode()
            out.writestr(name, content)
    return bad, made


def test_a_zip_of_sb3_is_loaded_only_with_trust_and_the_message_says_why(sb3_zip: Path, tmp_path: Path) -> None:
    bad, made = hostile(sb3_zip, tmp_path)
    for command in (("evaluate", bad, "--games", "1"), ("gif", bad, "--out", tmp_path / "x.gif")):
        done = rlbreakout(*command)
        assert done.returncode == 2 and not made.exists()
        (line,) = done.stderr.strip().splitlines()
        assert "which can run any code" in line and "--trust" in line
    load_agent(bad, trust=True)
    assert made.exists(), "the zip was not hostile, so this test has shown nothing"


def test_with_trust_a_zip_plays(sb3_zip: Path) -> None:
    agent = load_agent(sb3_zip, trust=True)
    assert isinstance(agent.player, PPO) and agent.config.observation.frame_stack == 4
    assert len(evaluate(agent, games=1).scores) == 1


def test_the_algorithm_of_a_zip_is_told_without_unpickling(tmp_path: Path) -> None:
    A2C("CnnPolicy", Screens()).save(tmp_path / "a2c.zip")
    assert isinstance(load_agent(tmp_path / "a2c.zip", trust=True).player, A2C)


@pytest.mark.parametrize("n_actions", [6, 18])
def test_a_zip_made_for_other_actions_is_refused_before_anything_plays(n_actions: int, tmp_path: Path) -> None:
    screens = Screens()
    screens.action_space = gym.spaces.Discrete(n_actions)
    PPO("CnnPolicy", screens, n_steps=8, batch_size=8).save(tmp_path / "other.zip")
    done = rlbreakout("evaluate", tmp_path / "other.zip", "--trust")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"was made for {n_actions} actions; allowed: 4, those of Breakout" in done.stderr


def test_a_zip_with_spaces_and_schedules_of_another_python_plays(sb3_zip: Path, tmp_path: Path) -> None:
    unreadable = base64.b64encode(b"cgym.spaces.box\nBox\n.").decode()  # the pickle of a class of the old gym
    old = tmp_path / "old.zip"
    with zipfile.ZipFile(sb3_zip) as good, zipfile.ZipFile(old, "w") as out:
        for name in good.namelist():
            content = good.read(name)
            if name == "data":
                data = json.loads(content)
                for key in ("observation_space", "action_space", "lr_schedule", "clip_range"):
                    data[key] = {**data[key], ":serialized:": unreadable}
                content = json.dumps(data).encode()
            out.writestr(name, content)
    assert len(evaluate(load_agent(old, trust=True), games=1, env="twin").scores) == 1


@pytest.mark.parametrize("content", [b"", b"PK nothing", b"\x80\x04."])
def test_what_is_no_zip_of_sb3_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.zip is not a model of Stable-Baselines3, or it is damaged"):
        load_agent(tmp_path / "x.zip", trust=True)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb, bomb.open("data", "w") as data:
        for _ in range(200):
            data.write(bytes(1_000_000))
    with pytest.raises(UserError, match="its settings take more than 100,000,000 bytes"):
        load_agent(tmp_path / "bomb.zip", trust=True)
    with pytest.raises(UserError, match="--trust"):
        load_agent(tmp_path / "bomb.zip")


def test_a_pickle_that_is_called_safetensors_is_refused(copy: Path, tmp_path: Path) -> None:
    (copy / "policy.safetensors").write_bytes(pickle.dumps(Hostile(tmp_path / "made")))
    with pytest.raises(UserError, match=r"policy\.safetensors is damaged"):
        load_agent(copy)
    assert not (tmp_path / "made").exists()


def test_a_safetensors_file_that_promises_a_huge_header_is_refused(copy: Path) -> None:
    (copy / "policy.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(UserError, match=r"policy\.safetensors is damaged"):
        load_agent(copy)


@pytest.mark.parametrize("file", ["config.yaml", "model.yaml"])
def test_a_yaml_tag_builds_no_object(copy: Path, file: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    text = (copy / file).read_text()
    (copy / file).write_text(
        f"{text}x: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{made}]]\n"
    )
    with pytest.raises(UserError, match=file) as error:
        load_agent(copy)
    assert not made.exists() and "\n" not in str(error.value)


def test_a_name_does_not_climb_out_of_the_shipped_agents(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = copy.parent / "pretrained"
    shipped.mkdir()
    monkeypatch.setattr("rlbreakout.agents.save_load.PRETRAINED", shipped)
    monkeypatch.chdir(shipped.parent.parent)
    with pytest.raises(UserError, match="does not exist"):
        find_model("../model")
    shutil.move(copy, shipped / "champion")
    assert find_model("champion") == shipped / "champion"


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "a/b", "..", ""])
@pytest.mark.parametrize("key", ["name", "lesson"])
def test_a_config_does_not_name_a_run_folder_elsewhere(key: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({"run": {key: name}}))
    with pytest.raises(UserError, match=f"run.{key}: "):
        load_config(tmp_path / "x.yaml")


def test_a_yaml_bomb_is_refused_at_once(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{now}: &{now} [{', '.join([f'*{before}'] * 9)}]" for before, now in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    for text in ("\n".join(lines), "[" * 100_000, "x: " + "y" * 2_000_000):
        (tmp_path / "x.yaml").write_text(text)
        with pytest.raises(UserError, match=r"x\.yaml is no valid YAML") as error:
            load_config(tmp_path / "x.yaml")
        assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_what_is_written_as_yaml_can_be_read() -> None:
    shared = [1, 2]
    data = {"a": shared, "b": shared, "c": None, "d": 1e-4, "e": "lin_1e-4"}
    assert read_yaml(to_yaml(data)) == data


def test_a_network_that_does_not_fit_is_refused_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = ("value.network.hidden=[4096, 4096]", "value.network.channels=[4096, 4096]")
    config = load_config(ROOT / "configs" / "5.3_dqn.yaml", [*big, "value.memory_size=1000"])
    free = SimpleNamespace(available=8_000 * 1e6)  # whatever the machine that runs this has
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(UserError, match=r"value\.network: .* weights .* MB.* 8,000 MB"):
        train(config, tmp_path / "run", progress_bar=False)
    assert not list(tmp_path.glob("run/last"))
