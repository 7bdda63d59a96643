"""Where the embedded servers live and listen, as functions of the environment; and the making of those folders."""

import hashlib
import os
import pwd
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
PORT = 5432  # names the socket file; nothing listens on TCP
SOCKET_PATH_LIMIT = 100  # a socket's path is cut at 104 bytes on macOS, 108 on Linux


class ServerProblem(Exception):
    """An embedded server cannot be used; the message says why and what to do."""


def var_folder() -> Path:
    """The folder that holds everything Threeslot writes, absolute."""
    return Path(os.environ.get("THREESLOT_VAR") or BASE_DIR / "var").expanduser().resolve()


def wanted() -> list[str]:
    """The servers that this environment leaves to us: of "postgres" and "valkey"."""
    given = {"postgres": os.environ.get("DATABASE_URL"), "valkey": os.environ.get("REDIS_URL")}
    return [name for name, url in given.items() if not url]


def socket_folder() -> Path:
    """Inside the var folder, or, where that path is too long for a socket, a private folder named after it."""
    folder = var_folder() / "sockets"
    if len(os.fsencode(folder)) + len(f"/.s.PGSQL.{PORT}.lock") <= SOCKET_PATH_LIMIT:
        return folder
    digest = hashlib.sha256(os.fsencode(var_folder())).hexdigest()[:16]
    return Path(f"/tmp/threeslot-{digest}")  # not TMPDIR: every process has to find the same  # noqa: S108


def postgres_socket() -> Path:
    return socket_folder() / f".s.PGSQL.{PORT}"


def valkey_socket() -> Path:
    return socket_folder() / "valkey.sock"


def database_url() -> str:
    """DATABASE_URL, or the embedded PostgreSQL's address in the same form."""
    quoted = str(socket_folder()).replace("/", "%2F")
    return os.environ.get("DATABASE_URL") or f"postgres://threeslot@{quoted}:{PORT}/threeslot"


def redis_url() -> str:
    """REDIS_URL, or the embedded Valkey's address in the same form."""
    return os.environ.get("REDIS_URL") or f"unix://{valkey_socket()}?db=0"


def server_user() -> tuple[int, int]:
    """Whose the servers' folders are: as root, the owner of the data or of the var folder if that is not root, else nobody."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    data = var_folder() / "postgres"
    owner = (data if data.exists() else var_folder()).stat()
    if owner.st_uid != 0:
        return owner.st_uid, owner.st_gid
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def user_name(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user id {uid}"


def open_lock(name: str) -> int:
    folder = var_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(folder / name, os.O_RDONLY | os.O_CREAT, 0o644)
    except OSError as error:
        raise ServerProblem(
            f"{folder} cannot be written ({error.strerror}). Set THREESLOT_VAR to a folder that can."
        ) from error


def make_folder(folder: Path) -> None:
    """Make a folder for the servers that nobody else may look into."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(folder, *server_user())
    except OSError as error:
        raise ServerProblem(
            f"{folder} cannot be made ({error.strerror}). Set THREESLOT_VAR to a folder that can."
        ) from error


def make_socket_folder() -> None:
    """Who may enter the socket folder is trusted by PostgreSQL, so it must be ours, real, and closed to others."""
    folder = socket_folder()
    make_folder(folder)
    state = folder.lstat()
    if folder.is_symlink() or state.st_mode & 0o077 or state.st_uid != server_user()[0]:
        raise ServerProblem(
            f"{folder} is not a private folder of ours. Remove it, or set THREESLOT_VAR to a shorter path."
        )
