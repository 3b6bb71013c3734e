"""Where a study is kept: a journal file in its run folder, or a database that many machines reach."""

from __future__ import annotations

import os
import random
import time
import warnings
from pathlib import Path

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy.engine import URL, make_url

from rlbreakout.common.errors import UserError
from rlbreakout.tuning.attempts import retry_failed

STORAGE_VARIABLE = "RLBREAKOUT_STORAGE"
"""Environment variable with the storage's URL, which keeps a password out of the command line."""
JOURNAL_NAME = "study.journal"
RELEASE_LOCK_AFTER = 10
"""Seconds after which the lock of a process that was killed while it wrote to a journal is taken away from it."""
CONNECT_WITHIN = 4
"""Seconds that a database has to accept a connection."""
SILENT_HEARTBEATS = 4
"""A worker that misses this many heartbeats in a row is considered dead."""
CREATE_TABLES_ATTEMPTS = 6
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""The driver that the extra `distributed` installs."""

DATABASE_ERRORS = (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError)
"""What Optuna raises if a database cannot be reached or used."""
MISSING_DRIVER = (sqlalchemy.exc.NoSuchModuleError, ImportError)
CREATED_TWICE = (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError)
"""What PostgreSQL answers to one of two workers that create the tables of an empty database at the same moment."""


def storage_url(option: str | None) -> str | None:
    """The URL of the storage: from the command line, else from the environment. None means a journal file."""
    return option or os.environ.get(STORAGE_VARIABLE) or None


def check_storage(url: str | None) -> None:
    """Raise UserError, within 10 seconds, if no database answers at `url`."""
    if url is not None:
        open_database(url, heartbeat=1)


def open_storage(url: str | None, folder: Path, heartbeat: int) -> BaseStorage:
    """Open the database at `url`, or without one the journal file in `folder`.

    heartbeat: seconds between two signs of life of a trial, for a database. Raises UserError if the database does not
    answer within 10 seconds.
    """
    return open_journal(folder / JOURNAL_NAME) if url is None else open_database(url, heartbeat)


def open_journal(path: Path) -> JournalStorage:
    """Open the journal file at `path`, which is created if it does not exist."""
    return JournalStorage(JournalFileBackend(str(path), _journal_lock(path)))


def _journal_lock(path: Path) -> JournalFileSymlinkLock:
    return JournalFileSymlinkLock(str(path), RELEASE_LOCK_AFTER)


def repair_journal(path: Path) -> None:
    """Remove a last line that was cut off, by a full disk or a power failure: Optuna could not read the journal."""
    if not path.exists():
        return
    lock = _journal_lock(path)  # or a line that another worker is writing would look cut off, too
    lock.acquire()
    try:
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)
    finally:
        lock.release()


def open_database(url: str, heartbeat: int) -> RDBStorage:
    """Open the database at `url`, and create Optuna's tables if it is empty.

    A trial that gives no sign of life for SILENT_HEARTBEATS times `heartbeat` seconds is marked as failed, and its
    values are queued again. Raises UserError if the database does not answer within 10 seconds.
    """
    parsed = parse_url(url)
    timeout = {"connect_timeout": CONNECT_WITHIN} if "psycopg" in parsed.drivername else {}
    for attempt in range(CREATE_TABLES_ATTEMPTS):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # which heartbeats are
                return RDBStorage(
                    parsed.render_as_string(hide_password=False),
                    engine_kwargs={"pool_pre_ping": True, "connect_args": timeout},
                    heartbeat_interval=heartbeat,
                    grace_period=SILENT_HEARTBEATS * heartbeat,
                    heartbeat_stale_trial_callback=lambda study, _: retry_failed(study),
                )
        except MISSING_DRIVER:
            raise UserError(
                f"storage {hide_passwords(parsed)}: there is no driver for {parsed.drivername}; for PostgreSQL add "
                "the extra 'distributed': pip install -c constraints.txt -e '.[distributed]'"
            ) from None
        except DATABASE_ERRORS as error:
            if not isinstance(error, CREATED_TWICE) or attempt == CREATE_TABLES_ATTEMPTS - 1:
                raise UserError(describe_failure(url, error)) from None
            time.sleep(random.uniform(0, 1))
    raise AssertionError("unreachable")


def describe_failure(url: str, error: BaseException) -> str:
    """One line that says which storage does not answer, and why, without its passwords."""
    cause = error.__cause__ or error
    original = getattr(cause, "orig", None) or cause
    lines = [line.strip() for line in str(original).splitlines() if line.strip()] or [type(original).__name__]
    # psycopg repeats address and user before what went wrong
    why = lines[0].split(" failed: ")[-1].removeprefix("error: ")
    return f"storage {hide_passwords(parse_url(url))} does not answer: {why}"


def parse_url(text: str) -> URL:
    """Parse the URL of a storage. Raises UserError, which does not repeat it, if it is none."""
    try:
        url = make_url(text)
    except sqlalchemy.exc.ArgumentError:
        raise UserError(
            "storage is no URL; allowed: such as postgresql://USER@HOST/DATABASE or sqlite:///FILE.db, "
            "by default a journal file in the run folder"
        ) from None
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def hide_passwords(url: URL) -> str:
    """Format `url` with stars for its passwords, also for those in its query."""
    query = {key: "***" if "password" in key.lower() else value for key, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True).replace("%2A%2A%2A", "***")
