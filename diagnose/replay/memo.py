"""A content-addressed memo of stage runs: the same stage never runs twice on the same input.

The key is a digest of the stage's fingerprint, the part of its input that its role takes, and the seed it is
given (the repeat number where it takes none and is not deterministic). Values are JSON in SQLite (WAL, safe
between processes); deleting the file loses only time, and where it cannot be used the memo is kept in memory.
Where its disk is full the run ends instead (`NoSpace`): what it would go on to do could not be kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from diagnose.core.artifact import Output
from diagnose.core.stage import OUTPUT_TYPES, Given, Role, Stage
from diagnose.errors import NO_SPACE, NoSpace

VERSION = 1
IN_MEMORY = 20_000
"""Outputs kept decoded in memory; the rest are read back from the file."""
BUSY_MS = 30_000
FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC})
OTHER_VERSION = "memo of another version"
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def key_of(stage: Stage, given: Given, draw: str | None) -> str:
    """The memo key of one run: 64 hex digits.

    `draw` tells runs on one input apart (`seed 3`, `repeat 2`); None for a stage that is deterministic
    without a seed.
    """
    # Any stage may ask for the conversation: one question after two histories is two inputs.
    taken = (given.conversation, *(getattr(given, name) for name in stage.taken))
    body = msgspec.json.encode((stage.role, stage.fingerprint, draw, taken))
    return hashlib.sha256(body).hexdigest()


class Memo:
    """Outputs of stage runs by key. `path` None keeps them in memory only. Thread-safe.

    A file that is damaged or of another version is made anew, one that cannot be opened costs the memo, never
    the run: `note` says so. Memos of different `space` share a file and nothing else.
    """

    def __init__(self, path: Path | None = None, space: str = "") -> None:
        self._recent: OrderedDict[str, Output] = OrderedDict()
        self._lock = threading.Lock()
        self._space = space
        self.note: str | None = None
        self._db: sqlite3.Connection | None = None
        self._path: Path | None = None
        self._rebuilt = False
        if path is not None:
            self._open(path)

    def _open(self, path: Path, anew: bool = False) -> None:
        self._path = path
        try:
            self._db, made_anew = _opened(path, anew)
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)
            return
        if made_anew:
            self.note = f"the memo on disk was {made_anew}: it was made anew, and stage runs are run again"

    def get(self, key: str, role: Role) -> Output | None:
        """The output kept under this key, or None."""
        with self._lock:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key]
            if self._db is None:
                return None
            try:
                row = self._db.execute(
                    "SELECT output FROM runs WHERE key = ?", (self._space + key,)
                ).fetchone()
                if row is None:
                    return None
                output: Output = msgspec.json.decode(row[0], type=OUTPUT_TYPES[role])
            except sqlite3.Error as error:
                self._give_up(error)
                return None
            except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
                return None
            self._keep(key, output)
            return output

    def put(self, key: str, output: Output) -> None:
        """Keep an output. NoSpace where the disk is full."""
        with self._lock:
            self._keep(key, output)
            if self._db is None:
                return
            try:
                with self._db:
                    self._db.execute(
                        "INSERT OR REPLACE INTO runs VALUES (?, ?)",
                        (self._space + key, msgspec.json.encode(output)),
                    )
            except sqlite3.Error as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Go on in memory, or in a new file where this one is damaged; NoSpace where the disk is full."""
        code = getattr(error, "sqlite_errorcode", None)
        self.close()
        if code in FULL or getattr(error, "errno", None) in NO_SPACE:
            raise NoSpace(
                "the disk that the memo is on is full: make room and give the same command again (what was done is "
                "kept), or keep nothing with --no-memo"
            ) from error
        if code in DAMAGED and self._path is not None and not self._rebuilt:
            self._rebuilt = True
            self._open(self._path, anew=True)
            return
        reason = getattr(error, "strerror", None) or str(error)
        self.note = f"the memo on disk cannot be used ({reason}): stage runs are not kept for the next time"

    def _keep(self, key: str, output: Output) -> None:
        self._recent[key] = output
        if len(self._recent) > IN_MEMORY and self._db is not None:
            self._recent.popitem(last=False)

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
            self._db = None


def _opened(path: Path, anew: bool) -> tuple[sqlite3.Connection, str | None]:
    """The connection, and why the file was made anew, if it was."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Without the lock two processes that find one damaged file could each take the other's new one away.
    with open(os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if anew and not _sound(path):
                raise sqlite3.DatabaseError("damaged")
            return _connected(path), None
        except sqlite3.OperationalError:
            # Locked, read-only or no database to open: another process may be at work on it.
            raise
        except sqlite3.DatabaseError as error:
            # It holds nothing that cannot be computed again.
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{path}{suffix}").unlink()
            why = "of another version" if str(error) == OTHER_VERSION else "damaged"
            return _connected(path), why


def _sound(path: Path) -> bool:
    """Whether a file is whole: another process may have made it anew meanwhile."""
    try:
        with contextlib.closing(_connected(path)) as db:
            return bool(db.execute("PRAGMA quick_check").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False


def _connected(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    db = sqlite3.connect(path, check_same_thread=False, timeout=BUSY_MS / 1000)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError(OTHER_VERSION)
        db.execute("CREATE TABLE IF NOT EXISTS runs (key TEXT PRIMARY KEY, output BLOB) WITHOUT ROWID")
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.commit()
    except sqlite3.Error:
        db.close()
        raise
    return db


@contextlib.contextmanager
def opened(path: Path | None, space: str = "") -> Iterator[Memo]:
    """A memo that is closed at the end."""
    memo = Memo(path, space)
    try:
        yield memo
    finally:
        memo.close()
