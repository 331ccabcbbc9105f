"""Keys and passwords that the environment holds: found by their names, taken out of what is shown or kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

NAMES = frozenset(
    {"KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "CREDENTIALS"}
)
"""Parts of the names of variables that hold a secret."""
SHORTEST = 8
"""Characters of a value from which on it is taken for a secret: a shorter one is a word like any other."""
LONGEST_FILE = 16_384
"""Bytes of a file with a key in it."""
FILE = "_FILE"
"""`NAME_FILE` names a file that holds what `NAME` would."""
SHOWN = "[key]"


def secrets_in(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets in an environment, longest first: one may be a part of another."""
    found = set()
    for name, value in environ.items():
        if not NAMES & set(name.upper().split("_")):
            continue
        for text in (value, *((file_text(value) or "",) if name.upper().endswith(FILE) else ())):
            if len(text.strip()) >= SHORTEST:
                found.add(text.strip())
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def without(text: str, secrets: Iterable[str]) -> str:
    """The text with `[key]` in place of each secret."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, SHOWN)
    return text


def file_text(path: str) -> str | None:
    """What a small file holds, without the white space around it; None where it cannot be read."""
    with contextlib.suppress(OSError, UnicodeDecodeError, ValueError), Path(path).open("rb") as file:
        return file.read(LONGEST_FILE).decode().strip()
    return None


def is_secret_name(setting: str) -> bool:
    """Whether a setting of a pipeline file is named like a secret itself (`api_key`), not like what tells where one is
    (`key_env`, `key_header`).

    >>> is_secret_name("api_key"), is_secret_name("key_env"), is_secret_name("max_tokens"), is_secret_name("sort_key")
    (True, False, False, False)
    """
    *before, last = setting.upper().replace("-", "_").split("_")
    if last == "KEY":
        return bool(before) and before[-1] in {"API", "ACCESS", "SECRET", "PRIVATE", "AUTH", "SUBSCRIPTION"}
    return last in NAMES
