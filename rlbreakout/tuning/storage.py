"""Where a study is kept: a journal file beside its trials, or a database that many machines reach.

Optuna does the keeping. What is added here: a trial whose worker has died is noticed in a journal file too and not only
in a database, and if the database disappears for a while, the study waits for it.
"""

from __future__ import annotations

import functools
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL, make_url

from rlbreakout.errors import UserError

STORAGE_VARIABLE = "RLBREAKOUT_STORAGE"
"""Environment variable with the storage's URL, so that a password stands in no command line."""
JOURNAL_NAME = "study.journal"
MADE_TWICE = (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError)
"""What PostgreSQL answers one of two workers that make the tables of an empty database at the same moment."""
ANSWER_WITHIN = 6.0
"""Seconds in which a database must answer at the start."""
SILENT_HEARTBEATS = 4
"""So many heartbeats missed in a row mean that a worker is dead."""
ASK_AGAIN_AFTER = 1.0
"""Seconds between two attempts to reach a database that is away."""
HEARTBEAT = "heartbeat"
"""Attribute of a trial that its worker counts up."""
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""The driver that the extra `distributed` installs."""

Storage = TypeVar("Storage", bound=type)


class StorageAway(UserError):
    """A database did not answer for longer than a study waits."""


@dataclass
class _Sign:
    """The last sign of life of a trial."""

    sign: Any
    since: float
    """When it was seen first, and when it was found too old, in seconds of this process's clock."""
    suspected: float | None = None


class _Heartbeats(BaseStorage, BaseHeartbeat):
    """Signs of life as an attribute of the trial, which every storage can keep.

    A trial counts as lost when this process saw the same sign for SILENT_HEARTBEATS intervals of its own clock, and
    still does two intervals later. So clocks of other machines do not matter, and time in which nobody could write a
    sign, because the database was away or the laptop asleep, does not count.
    """

    _interval = 15
    _seen: dict[int, _Sign]

    def record_heartbeat(self, trial_id: int) -> None:
        try:
            sign = self.get_trial(trial_id).system_attrs.get(HEARTBEAT, 0)
            self.set_trial_system_attr(trial_id, HEARTBEAT, sign + 1)
        except optuna.exceptions.UpdateFinishedTrialError:
            pass  # given to another worker; this one notices when it reports

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        now = time.monotonic()
        running = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,))
        signs = {trial._trial_id: trial.system_attrs.get(HEARTBEAT) for trial in running}
        for trial, sign in signs.items():
            if trial not in self._seen or self._seen[trial].sign != sign:
                self._seen[trial] = _Sign(sign, now)
        self._seen = {trial: self._seen[trial] for trial in signs}
        for seen in self._seen.values():
            if seen.suspected is None and now - seen.since > SILENT_HEARTBEATS * self._interval:
                seen.suspected = now
        suspected = {trial: seen.suspected for trial, seen in self._seen.items() if seen.suspected is not None}
        return [trial for trial, since in suspected.items() if now - since > 2 * self._interval]

    def get_heartbeat_interval(self) -> int:
        return self._interval

    def get_heartbeat_stale_trial_callback(self) -> Callable[[Study, FrozenTrial], None] | None:
        return None  # `study.fill` gives the trial to somebody else


class WatchedJournal(_Heartbeats, JournalStorage):
    """Optuna's journal file, with heartbeats."""

    def __init__(self, path: Path, heartbeat: int) -> None:
        mend_journal(path)
        super().__init__(JournalFileBackend(str(path)))
        self._interval, self._seen = heartbeat, {}


def mend_journal(path: Path) -> None:
    """Take away a last line that was cut off in the middle, which Optuna could not read past."""
    if path.exists() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _is_away(error: BaseException) -> bool:
    """Whether a database's error says that it cannot be reached, not that it was asked something wrong."""
    cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
    # The last is what a session says that was cut off in the middle of a question.
    away = sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.PendingRollbackError
    return isinstance(cause, away) or (isinstance(cause, sqlalchemy.exc.DBAPIError) and cause.connection_invalidated)


def _waits(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def patiently(self: PatientDatabase, *args: Any, **kwargs: Any) -> Any:
        return self.wait_while_away(functools.partial(method, self, *args, **kwargs))

    return patiently


def _patient(storage: Storage) -> Storage:
    """Let every question that Optuna asks a storage wait for an answer."""
    asked = {name for name in vars(BaseStorage) if not name.startswith("_")}
    by_the_cache = {"_get_trials", "_create_new_trial", "_set_trial_param", "_get_best_trial_id"}
    for name in asked - {"remove_session", "check_trial_is_updatable"} | by_the_cache:
        setattr(storage, name, _waits(getattr(storage, name)))
    return storage


@_patient
class PatientDatabase(_Heartbeats, RDBStorage):
    """Optuna's database storage, with heartbeats, that waits up to `patience` seconds for a database that is away."""

    def __init__(self, url: URL, *, heartbeat: int, patience: float, **engine: Any) -> None:
        self._name, self._patience = hidden(url), 0.0
        self._interval, self._seen = heartbeat, {}
        self._asking, self._lock = threading.local(), threading.Lock()
        self._away_since: float | None = None
        super().__init__(url.render_as_string(hide_password=False), engine_kwargs={"pool_pre_ping": True, **engine})
        self._patience = patience

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Any = None) -> bool:
        try:
            return super().set_trial_state_values(trial_id, state, values)
        except optuna.exceptions.UpdateFinishedTrialError:
            # The connection may have broken after the answer was written and before that was confirmed.
            trial = self.get_trial(trial_id)
            told = state in (TrialState.COMPLETE, TrialState.PRUNED)
            if told and trial.state == state and trial.values == (values and list(values)):
                return True
            raise

    def wait_while_away(self, ask: Callable[[], Any]) -> Any:
        """Call `ask` until the database answers. Raises StorageAway after `patience` seconds."""
        if getattr(self._asking, "waiting", False):  # one question asks another
            return ask()
        away_since = None
        while True:
            self._asking.waiting = True
            try:
                answer = ask()
            except Exception as error:
                if not _is_away(error):
                    raise
                away_since = away_since or time.monotonic()
                self._say_away(error)
                if time.monotonic() - away_since > self._patience:
                    raise StorageAway(
                        f"storage {self._name} did not answer for {self._patience:.0f} s ({reason(error)}); "
                        "run the same command again when it does: the study goes on"
                    ) from None
                self.remove_session()
                time.sleep(ASK_AGAIN_AFTER)
            else:
                if away_since is not None:
                    self._seen = {}  # nobody could give a sign of life
                    self._say_back()
                return answer
            finally:
                self._asking.waiting = False

    def _say_away(self, error: Exception) -> None:
        """Once, not for every thread that asks."""
        with self._lock:
            if self._away_since is None:
                self._away_since = time.monotonic()
                waits = f"waiting up to {self._patience:.0f} s"
                print(f"storage {self._name} does not answer ({reason(error)}); {waits}", file=sys.stderr, flush=True)

    def _say_back(self) -> None:
        with self._lock:
            if self._away_since is not None:
                gone = time.monotonic() - self._away_since
                self._away_since = None
                print(f"storage {self._name} answers again after {gone:.0f} s", file=sys.stderr, flush=True)


def reason(error: BaseException) -> str:
    """The shortest line that a database's error has to say, without what it says about the connection."""
    cause = error.__cause__ or error
    original = getattr(cause, "orig", None) or cause
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    return lines[0].split(" failed: ")[-1].removeprefix("error: ") if lines else type(original).__name__


def hidden(url: URL) -> str:
    """`url` as it may be printed: passwords, also those in its query, are stars."""
    query = {key: "***" if "password" in key.lower() else value for key, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def parse_url(text: str) -> URL:
    """A storage's URL. Raises UserError, which does not repeat it, if it is none."""
    try:
        url = make_url(text)
    except sqlalchemy.exc.ArgumentError:
        raise UserError(
            "storage is no URL; allowed: such as postgresql://USER@HOST/DATABASE or sqlite:///FILE.db, "
            "by default a journal file in the run folder"
        ) from None
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def storage_url(option: str | None) -> str | None:
    """The storage's URL: of the command line, else of the environment. None: a journal file."""
    return option or os.environ.get(STORAGE_VARIABLE) or None


def check_storage(url: str | None) -> None:
    """Raise UserError, within 10 seconds, if no database answers at `url`."""
    if url is not None:
        open_storage(url, Path(), heartbeat=1, patience=0.0).remove_session()


def open_storage(url: str | None, folder: Path, *, heartbeat: int, patience: float) -> BaseStorage:
    """The storage at `url`, or the journal file in `folder`.

    heartbeat: seconds between signs of life of a trial; patience: seconds to wait for a database that goes away later.
    Raises UserError, within 10 seconds, if there is no answer.
    """
    if url is None:
        return WatchedJournal(folder / JOURNAL_NAME, heartbeat)
    parsed = parse_url(url)
    engine = {"connect_args": {"connect_timeout": int(ANSWER_WITHIN / 2)}} if "psycopg" in parsed.drivername else {}
    answer: list[BaseStorage | BaseException] = []
    until = time.monotonic() + ANSWER_WITHIN / 2

    def connect() -> None:
        try:
            while not answer:
                try:
                    answer.append(PatientDatabase(parsed, heartbeat=heartbeat, patience=patience, **engine))
                except MADE_TWICE:
                    if time.monotonic() > until:
                        raise
                    time.sleep(random.uniform(0, 1))
        except BaseException as error:
            answer.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(ANSWER_WITHIN)
    if not answer:
        raise UserError(f"storage {hidden(parsed)} did not answer within {ANSWER_WITHIN:.0f} s")
    result = answer[0]
    if isinstance(result, BaseStorage):
        return result
    if isinstance(result, (sqlalchemy.exc.NoSuchModuleError, ImportError)):
        raise UserError(
            f"storage {hidden(parsed)}: there is no driver for {parsed.drivername}; for PostgreSQL add the extra "
            "'distributed': pip install -c constraints.txt -e '.[distributed]'"
        )
    if isinstance(result, (StorageAway, optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError)):
        raise UserError(f"storage {hidden(parsed)} does not answer: {reason(result)}")
    raise result
