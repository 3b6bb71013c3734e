"""From a config to a run folder: `train` trains, saves and resumes, with PPO or with the value-based agent.

`Recorder` keeps evaluations, the best model, checkpoints and gifs, for every algorithm.
"""

from rlbreakout.training.runs import start_run
from rlbreakout.training.several import train_several
from rlbreakout.training.train import learn, progress, record_best, train, train_or_continue

__all__ = ["learn", "progress", "record_best", "start_run", "train", "train_or_continue", "train_several"]
