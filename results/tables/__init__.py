"""The tables of the READMEs, each made from the JSON files in results/."""

from __future__ import annotations

from results.tables.baselines import fast_envs, first_ppo, three_ids, three_rewards, two_speeds
from results.tables.beyond import champion, foresight, late_game, noise, other_models
from results.tables.observation import four_ways, grid, in_the_twin, what_it_sees, with_aimbot
from results.tables.path import path_of_lessons
from results.tables.speed import aimbot_accuracy, speeds
from results.tables.tuning import (
    best_of_two_studies,
    everybody_everywhere,
    importance,
    luck,
    one_difference,
    short_and_long,
    tuned,
)
from results.tables.value_agent import on_policy_off_policy, published_and_mended, what_went_wrong

TABLES = {
    f.__name__: f
    for f in (
        path_of_lessons,
        first_ppo,
        two_speeds,
        three_rewards,
        three_ids,
        fast_envs,
        speeds,
        aimbot_accuracy,
        grid,
        with_aimbot,
        in_the_twin,
        what_it_sees,
        four_ways,
        best_of_two_studies,
        importance,
        luck,
        everybody_everywhere,
        one_difference,
        short_and_long,
        tuned,
        published_and_mended,
        what_went_wrong,
        on_policy_off_policy,
        late_game,
        noise,
        other_models,
        champion,
        foresight,
    )
}
