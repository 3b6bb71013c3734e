"""The `rlbreakout` command. What is heavy (torch, the emulator) is imported when a command needs it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

from rlbreakout import __version__
from rlbreakout.common.errors import BAD_INPUT, FAILED, INTERRUPTED, UserError, one_line
from rlbreakout.common.shell import command_line, prepare_process

MOST_WORKERS = 256
"""Of `rlbreakout tune`: each is a process of its own."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage that argparse prints before it."""
        self.exit(BAD_INPUT, f"{self.prog}: error: {message}\n")


def _train(args: argparse.Namespace) -> None:
    from rlbreakout.config import load_config
    from rlbreakout.training.train import train

    folder = train(load_config(args.config, args.set), args.run_dir, resume=args.resume, init_from=args.init_from)
    print(
        f"run folder:  {folder}\n"
        f"curves:      {command_line('tensorboard', '--logdir', folder)}\n"
        f"its score:   {command_line('rlbreakout', 'evaluate', folder)}\n"
        f"a game:      {folder / 'agent.gif'}"
    )


def _evaluate(args: argparse.Namespace) -> None:
    from rlbreakout.agents import load_agent
    from rlbreakout.evaluation import evaluate
    from rlbreakout.training.runs import check_output_file

    if args.json is not None:
        check_output_file(args.json)
    agent = load_agent(args.model, seed=args.seed, trust=args.trust)
    result = evaluate(
        agent,
        env=args.env,
        env_id=args.env_id,
        games=args.games,
        seed=args.seed,
        greedy=args.greedy,
        progress_bar=sys.stderr.isatty(),
    )
    print(f"{agent.name}: {result}")
    if args.json is not None:
        result.write_json(args.json)


def _gif(args: argparse.Namespace) -> None:
    from rlbreakout.agents.save_load import load_agent
    from rlbreakout.evaluation.video import check_video_path, parse_grid, record, write_video
    from rlbreakout.training.runs import unused_file

    out = check_video_path(args.out or unused_file(Path(f"{Path(args.model).absolute().name}.gif")))
    rows, columns = parse_grid(args.grid)
    recording = record(
        load_agent(args.model, seed=args.seed, trust=args.trust),
        rows=rows,
        columns=columns,
        env_id=args.env_id,
        seconds=args.seconds,
        seed=args.seed,
        greedy=args.greedy,
        view=args.view,
        from_points=args.from_points,
        speed=args.speed,
    )
    write_video(recording, out)
    scores = ", ".join(f"{score:.0f}" for score in recording.scores)
    size = out.stat().st_size / 1e6
    print(f"{out}: {recording.seconds:.1f} s, {size:.2f} MB, points: {scores}")


def _tune(args: argparse.Namespace) -> None:
    from rlbreakout.config import load_config
    from rlbreakout.training.runs import only_writer, study_folder

    overrides = args.set if args.trials is None else [*args.set, f"tuning.trials={args.trials}"]
    config = load_config(args.config, overrides)
    if not 1 <= args.workers <= MOST_WORKERS:
        raise UserError(f"workers is {args.workers}; allowed: 1 to {MOST_WORKERS}")
    if args.best < 1:
        raise UserError(f"best is {args.best}; allowed: 1 or more")
    if args.timeout is not None and not args.timeout > 0:
        raise UserError(f"timeout is {args.timeout:g}; allowed: a number of seconds above 0")
    from rlbreakout.tuning.storage import check_storage, storage_url

    url = storage_url(args.storage)
    check_storage(url)  # before torch is imported, which takes seconds
    from rlbreakout.tuning.study import best_params
    from rlbreakout.tuning.workers import tune

    starts = [] if args.start_from is None else best_params(args.start_from, args.best)
    folder = study_folder(config, args.run_dir)
    alone = nullcontext() if url else only_writer(folder)  # with a database many may work on a study
    try:
        with alone:
            study = tune(
                config, folder, url=url, name=args.study, workers=args.workers, starts=starts, timeout=args.timeout
            )
    except KeyboardInterrupt:
        again = command_line("--run-dir", folder)
        print(f"\ninterrupted; run the same command again with {again} to go on", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    curves = command_line("tensorboard", "--logdir", folder)
    print(f"run folder:  {folder}\npictures:    {folder / 'plots'}\ncurves:      {curves}")
    if (folder / "best.yaml").exists():
        print(
            f"best trial:  {study.best_value:.1f} points a game (trial {study.best_trial.number})\n"
            f"train it:    {command_line('rlbreakout', 'train', folder / 'best.yaml')}"
        )


def _bench(args: argparse.Namespace) -> None:
    if args.part not in ("speed", "twin"):
        raise UserError(f"part is {args.part!r}; allowed: speed, twin")
    from rlbreakout.bench.measure import report
    from rlbreakout.bench.speed import measure_speed
    from rlbreakout.bench.twin_speed import measure_twin

    report(measure_speed if args.part == "speed" else measure_twin, args.json)


def _watch(args: argparse.Namespace) -> None:
    _serve(args, args.model, newest=args.newest, trust=args.trust)


def _play(args: argparse.Namespace) -> None:
    _serve(args, "champion")


def _serve(args: argparse.Namespace, model: str, *, newest: bool = False, trust: bool = False) -> None:
    from rlbreakout.common.errors import require_extra

    require_extra("aiohttp", "watch")
    from rlbreakout.config import check_env_id, check_seed
    from rlbreakout.watch.newest import Newest
    from rlbreakout.watch.server import Show, serve

    if not 0 <= args.port <= 65_535:
        raise UserError(f"port is {args.port}; allowed: 0 to 65535; 0 is any that is free")
    if args.env_id is not None:
        check_env_id(args.env_id)
    agent = Newest(model, newest=newest, seed=check_seed(args.seed), trust=trust)
    by_hand = args.command == "play"
    show = Show(agent, agent.agent if by_hand else None, args.env_id, args.seed, not by_hand and args.greedy)
    serve(show, host=args.host, port=args.port, browser=not args.no_browser)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    top = _Parser(prog="rlbreakout", description="Learn deep reinforcement learning on Atari Breakout.")
    top.add_argument("--version", action="version", version=f"rlbreakout {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, function: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(function=function)
        return sub

    model = "a run folder, a model folder, or the name of a pretrained agent; 'random' draws every action"
    env_id = "the environment to play in (default: the one that the agent was trained on)"

    train = command("train", _train, "train an agent as a config file says")
    train.add_argument("config", metavar="CONFIG", help="a config file, or the name of a shipped one, such as 2.3_zoo")
    train.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="such as --set ppo.n_steps=64")
    train.add_argument("--run-dir", metavar="DIR", type=Path, help="run folder (default: runs/<lesson>/<name>)")
    begin = train.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true", help="continue the training in the run folder")
    begin.add_argument(
        "--init-from",
        metavar="MODEL",
        help="start from the weights of this model (any that evaluate accepts); everything else comes from CONFIG",
    )

    evaluate = command("evaluate", _evaluate, "play whole games with an agent and report its score")
    evaluate.add_argument("model", metavar="MODEL", help=model)
    evaluate.add_argument("--env-id", metavar="ID", help=env_id)
    evaluate.add_argument(
        "--env", metavar="ENV", default="ale", help="ale, the emulator, or twin, its exact model (default: ale)"
    )
    evaluate.add_argument("--games", metavar="N", type=int, default=100, help="whole games (default: 100)")
    evaluate.add_argument("--seed", metavar="S", type=int, default=0, help="decides the games (default: 0)")
    evaluate.add_argument("--greedy", action="store_true", help="the likeliest action instead of a drawn one")
    trust = "load a zip of Stable-Baselines3, which can run any code that its author put into it"
    evaluate.add_argument("--trust", action="store_true", help=trust)
    evaluate.add_argument("--json", metavar="FILE", type=Path, help="write the result to this file")

    gif = command("gif", _gif, "record games to a gif or mp4")
    gif.add_argument("model", metavar="MODEL", help=model)
    gif.add_argument("--trust", action="store_true", help=trust)
    gif.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="a .gif or .mp4 file (default: a new gif, named after MODEL)",
    )
    gif.add_argument("--grid", metavar="RxC", default="1x1", help="games side by side (default: 1x1)")
    gif.add_argument("--env-id", metavar="ID", help=env_id)
    gif.add_argument("--seconds", metavar="N", type=float, default=20.0, help="length, at most (default: 20)")
    gif.add_argument("--from-points", metavar="N", type=int, default=0, help="start recording when a game has N points")
    gif.add_argument("--speed", metavar="X", type=int, default=1, help="time lapse: X times as fast (default: 1)")
    gif.add_argument("--view", default="screen", help="screen, agent or both (default: screen)")
    gif.add_argument("--seed", metavar="S", type=int, default=0, help="decides the games (default: 0)")
    gif.add_argument("--greedy", action="store_true", help="the likeliest action instead of a drawn one")

    watch = command("watch", _watch, "watch an agent play in a web browser, and see what it thinks")
    watch.add_argument("model", metavar="MODEL", help=model)
    watch.add_argument("--trust", action="store_true", help=trust)
    watch.add_argument(
        "--newest", action="store_true", help="the last model of a run folder, and every newer one that is saved"
    )
    watch.add_argument("--greedy", action="store_true", help="the likeliest action instead of a drawn one")
    play = command("play", _play, "play by hand in a web browser, beside the champion on the same seed")
    for page in (watch, play):
        page.add_argument("--env-id", metavar="ID", help=env_id)
        page.add_argument(
            "--seed",
            metavar="S",
            type=int,
            default=0,
            help="decides the first game; the next one has the next seed (default: 0)",
        )
        page.add_argument(
            "--host",
            metavar="HOST",
            default="127.0.0.1",
            help="the address to listen on (default: 127.0.0.1, which only this computer can reach)",
        )
        page.add_argument("--port", metavar="PORT", type=int, default=0, help="(default: one that is free)")
        page.add_argument("--no-browser", action="store_true", help="print the address only")

    tune = command("tune", _tune, "search for better hyperparameters: the part `tuning` of a config file")
    tune.add_argument(
        "config", metavar="CONFIG", help="a config file, or the name of a shipped one, such as 4.0_study_1"
    )
    tune.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="such as --set tuning.seeds=3")
    tune.add_argument(
        "--storage", metavar="URL", help="a database for many machines, also from $RLBREAKOUT_STORAGE (default: a file)"
    )
    tune.add_argument("--study", metavar="NAME", help="the study in the storage (default: the config's name)")
    tune.add_argument("--trials", metavar="N", type=int, help="stop after N finished trials (default: tuning.trials)")
    tune.add_argument(
        "--timeout", metavar="SECONDS", type=float, help="start no new trial after this time; finished trials are kept"
    )
    tune.add_argument("--workers", metavar="N", type=int, default=1, help="trials at once on this machine (default: 1)")
    tune.add_argument("--run-dir", metavar="DIR", type=Path, help="run folder; a study that is in it is continued")
    tune.add_argument(
        "--start-from", metavar="DIR", type=Path, help="begin with the best values of this study's folder"
    )
    tune.add_argument("--best", metavar="N", type=int, default=5, help="how many of them (default: 5)")

    bench = command("bench", _bench, "measure how fast this machine is")
    bench.add_argument(
        "--part",
        metavar="PART",
        default="speed",
        help="speed: the emulator, the environments, PPO, the aimbot; twin: how exact the twin is, how fast, and what "
        "it learns (default: speed)",
    )
    bench.add_argument("--json", metavar="FILE", type=Path, help="write the figures to this file")
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command. Exit status 2 for a learner's mistake, with one line on stderr; 130 after Ctrl-C."""
    prepare_process()
    args = parser().parse_args(arguments)
    try:
        args.function(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:  # `| head` has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # for what Python writes when it ends
        raise SystemExit(FAILED) from None
    except Exception as error:
        if (line := one_line(error)) is None:
            raise
        print(f"rlbreakout {args.command}: error: {line.text}", file=sys.stderr)
        raise SystemExit(line.status) from None


if __name__ == "__main__":
    main()
