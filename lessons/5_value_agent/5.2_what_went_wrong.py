"""Lesson 5.2: what went wrong? One change at a time.

You learn: how to find out why an agent does not learn: change one thing, leave the rest alone, and measure; then change
everything.
Expect: a run folder for each variant, one picture of their curves, and a table of scores. The README explains them.
Time: 5 minutes on two cores for six of the ten variants. You can stop it at any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

from rlbreakout.config import Config, load_config, with_values
from rlbreakout.evaluation import Evaluation, evaluate_once
from rlbreakout.evaluation.plots import Curve, draw_curves, find_scalar
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.training import train_several

# %% The agent of lesson 5.1 is also in the library, where each of its choices is a key of configs/5.1_value_agent.yaml.
# All variants have the small network of lesson 5.3, so that they train in minutes.
SINGLE_STEPS = {
    "value.memory": "transitions",
    "value.memory_size": 50_000,
    "value.remember_fraction": 1.0,
    "value.start_training": 2_500,  # now in agent steps, not in games
    "value.train_every": 4,
    "value.target_reset": 2_000,
}
SMALL_NETWORK = {
    "value.network.channels": [16, 32],
    "value.network.kernels": [8, 4],
    "value.network.strides": [4, 2],
    "value.network.paddings": [0, 0],
    "value.network.hidden": [256],
}
VARIANTS: dict[str, dict] = {
    # As its author published it.
    "published": {},
    # The memory as it was at the end of the published training of 58,825 games: game n is remembered only if its score
    # is above n / 1,000, so hardly any is. Here the threshold rises 50 times as fast.
    "frozen": {"value.games_a_point": 20},
    # Learns often, from 32 single steps, instead of from 32 whole games after every fourth game.
    "transitions": SINGLE_STEPS,
    # The reward is where the reward belongs, not the normalised sum of all that follow.
    "rewards": {"value.targets": "rewards"},
    # Epsilon falls with the number of actions, not with the number of training calls.
    "exploration": {"value.exploration.decay_over": "agent_steps", "value.exploration.decay_steps": 25_000},
    # Losing the game does not cost 10 points: the end is bad enough.
    "no_punishment": {"value.punishment": 0.0},
    # Losing a life costs a point or, with the wrong sign, is worth one.
    "life_punished": {"value.life_reward": -1.0},
    "life_rewarded": {"value.life_reward": 1.0},
    # An action is held for 4 frames instead of 16, and the stack has a picture of each of the last four steps.
    "short_steps": {"env.frame_skip": 4, "observation.frames_between": None},
}
FRAMES_A_STEP = load_config(CONFIGS / "5.1_value_agent.yaml").frames_a_step
ALL = "all"
"""Everything fixed: the agent of lesson 5.3."""
DEFAULT = ("published", "frozen", "transitions", "rewards", "exploration", ALL)


@dataclass
class Options:
    steps: int = 25_000
    """Agent steps, of 16 frames, to train each variant for. If its steps are shorter it makes more, to see as much."""
    seed: int = 0
    """Decides every training."""
    games: int = 20
    """Whole games that each trained agent plays to get its score."""
    variants: tuple[str, ...] = DEFAULT
    """Which of them: published, frozen, transitions, rewards, exploration, no_punishment, life_punished,
    life_rewarded, short_steps, all."""
    workers: int | None = None
    """Trainings at a time (default: one a core)."""
    run_dir: Path | None = None
    """Run folder (default: runs/5_value_agent/5.2_what_went_wrong); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--variants", options.variants, (*VARIANTS, ALL))
folder = run_folder("5_value_agent/5.2_what_went_wrong", options.run_dir, resume=True)


# %% All see the same number of frames, so an agent with shorter steps makes more of them.
def config(variant: str) -> Config:
    """The config of one agent."""
    base = load_config(CONFIGS / ("5.3_dqn.yaml" if variant == ALL else "5.1_value_agent.yaml"))
    settings = {"run.name": variant, "seed": options.seed, "evaluation.every": 0}
    changes = {} if variant == ALL else {**SMALL_NETWORK, **VARIANTS[variant]}
    changed = with_values(base, {**settings, **changes})
    return with_values(changed, {"steps": options.steps * FRAMES_A_STEP // changed.frames_a_step})


# %% Train them, two at a time on two cores, and let each play whole games. Finished ones are skipped.
configs = {folder / variant: config(variant) for variant in options.variants}
for number, run in enumerate(train_several(configs, workers=options.workers), 1):
    print(f"[{number}/{len(configs)}] {run.name}", flush=True)
results: dict[str, Evaluation] = {}
curves: dict[str, Curve] = {}
for run, trained in configs.items():
    results[run.name] = evaluate_once(run, games=options.games)
    if (curve := find_scalar(run, "rollout/ep_rew_mean")) is not None:
        curves[run.name] = Curve(curve.x * trained.frames_a_step, curve.y)

# %%
picture = draw_curves(
    curves,
    folder / "curves.png",
    title="Lesson 5.2: one change at a time, training games",
    x_label="frames",
    dashed=("published",),
)
print(f"\n{'variant':16} mean score of {options.games} whole games [95% interval]")
for variant, result in results.items():
    print(f"{variant:16} {result.mean:6.1f} [{result.ci95[0]:.1f}, {result.ci95[1]:.1f}]")

# %%
best = max(results, key=lambda variant: results[variant].mean)
finish(
    folder,
    files=[picture, folder / best / "agent.gif"],
    **results[best].facts(),
    best=best,
    steps=options.steps,
    frames=options.steps * FRAMES_A_STEP,
    results={variant: result.facts() for variant, result in results.items()},
    look_at="curves.png, then python lessons/5_value_agent/5.3_dqn.py",
)
