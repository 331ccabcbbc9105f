"""A content-addressed memo of stage runs: the same stage never runs twice on the same input.

The key is a digest of the stage's fingerprint, the part of its input that its role takes, and the seed it is
given (the repeat number where it takes none and is not deterministic). Values are JSON in SQLite (WAL, safe
between processes); deleting the file loses only time, and where it cannot be used the memo is kept in memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from diagnose.core.artifact import Output
from diagnose.core.stage import OUTPUT_TYPES, Given, Role, Stage

VERSION = 1
IN_MEMORY = 20_000
"""Outputs kept decoded in memory; the rest are read back from the file."""
BUSY_MS = 30_000


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

    A file that is damaged, of another version or not to be opened costs the memo, never the run: `note` says
    so. Memos of different `space` share a file and nothing else.
    """

    def __init__(self, path: Path | None = None, space: str = "") -> None:
        self._recent: OrderedDict[str, Output] = OrderedDict()
        self._lock = threading.Lock()
        self._space = space
        self.note: str | None = None
        self._db: sqlite3.Connection | None = None
        if path is not None:
            try:
                self._db = _opened(path)
            except (OSError, sqlite3.Error) as error:
                self._give_up(error)

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
        """Keep an output; a full disk costs the memo, never the run."""
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
        """Go on in memory."""
        reason = getattr(error, "strerror", None) or str(error)
        self.note = f"the memo on disk cannot be used ({reason}): stage runs are not kept for the next time"
        self.close()

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


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return _connected(path)
    except sqlite3.OperationalError:
        # Locked, read-only or no database to open: another process may be at work on it.
        raise
    except sqlite3.DatabaseError:
        # Damaged or another version: it holds nothing that cannot be computed again.
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{path}{suffix}").unlink()
        return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    db = sqlite3.connect(path, check_same_thread=False, timeout=BUSY_MS / 1000)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError("memo of another version")
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
