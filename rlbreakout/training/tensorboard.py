"""What TensorBoard shows of a run beside its curves: games as moving pictures, and the hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter

from rlbreakout.config import Config, flatten

NOT_HYPERPARAMETERS = ("run.", "evaluation.", "tuning.")
"""Beginnings of the keys of a config that decide nothing about what is learned."""


def write_gif(writer: SummaryWriter, gif: Path, steps: int) -> None:
    """Show a gif in TensorBoard's tab Images, at an agent step."""
    with Image.open(gif) as image:
        width, height = image.size
    picture = Summary.Image(width=width, height=height, colorspace=3, encoded_image_string=gif.read_bytes())
    assert writer.file_writer is not None
    writer.file_writer.add_summary(Summary(value=[Summary.Value(tag="game", image=picture)]), steps)
    writer.flush()


def write_hparams(run: Path, values: Mapping[str, Any], results: Mapping[str, float]) -> None:
    """Show a finished training in TensorBoard's tab HParams: its values, and what came of it.

    This makes another events file, which TensorBoard reads after those that are there.
    """
    shown = {key: value if isinstance(value, (bool, int, float, str)) else str(value) for key, value in values.items()}
    with SummaryWriter(str(run)) as writer:
        writer.add_hparams(shown, dict(results), run_name=".")


def hyperparameters(config: Config) -> dict[str, Any]:
    """The values of `config` that decide what is learned, by their dotted keys: those of its own algorithm only."""
    other = "value." if config.algorithm != "value" else "ppo."
    values = flatten(config.model_dump())
    return {key: value for key, value in values.items() if not key.startswith((*NOT_HYPERPARAMETERS, other))}
