"""A PostgreSQL of the tests' own: a cluster in a temporary folder, on loopback, run by a user without rights."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

PASSWORD = "s3cret-of-the-tests"
UNPRIVILEGED = "nobody"
"""Who runs the server where the tests run as root, which PostgreSQL refuses."""


def find_binaries() -> Path | None:
    """The folder of initdb and pg_ctl, the newest version's."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    return debian[-1] if debian else Path(os.path.realpath(found)).parent if found else None


class Postgres:
    """Start it, stop it, start it again; `url` has the password in it."""

    def __init__(self) -> None:
        binaries = find_binaries()
        assert binaries is not None
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="rlbreakout-postgres-"))
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://learner:{PASSWORD}@127.0.0.1:{self.port}/postgres"
        password = self._folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        options = ("--auth=scram-sha-256", "--username=learner", f"--pwfile={password}", "--no-sync", "-E", "UTF8")
        self._run("initdb", "-D", self._data, *options)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        settings = f"-h 127.0.0.1 -p {self.port} -k {self._folder} -c fsync=off"
        self._run("pg_ctl", "-D", self._data, "-o", settings, "-l", str(self._folder / "log"), "-w", "start")

    def stop(self) -> None:
        """At once, as when the machine loses its power."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        subprocess.run([str(self._binaries / "pg_ctl"), "-D", self._data, "-m", "immediate", "stop"],
                       user=self._user, capture_output=True, check=False)  # fmt: skip
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / program), *arguments],
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )
