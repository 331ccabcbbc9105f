"""Personal data out of a report: each piece becomes its kind and a number, the same piece the same number.

Patterns see forms, not meanings: names, addresses and whatever else has no form of its own stay. Every built-in
pattern is linear in the length of the text.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar, cast

import msgspec

T = TypeVar("T")

LONGEST_IBAN, SHORTEST_IBAN = 34, 15
CARD_DIGITS = range(13, 20)
SHORTEST_ADDRESS = 6
"""Characters of an address: `a::b` is one, and more often code."""

_EMAIL = re.compile(r"[\w.%+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{1,4}){3,8}")
_CARD = re.compile(r"(?<!\w)\d(?:[ -]?\d){12,18}(?!\d)")
_IP4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_IP6 = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_PHONE = re.compile(
    r"(?<![\w.])(?:\+|00)[1-9]\d{0,2}(?:[ ./()-]{0,3}\d){6,13}(?!\w)"  # international
    r"|(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"  # as in North America
    r"|(?<![\w.-])(?:\(0\d{1,5}\)|0\d{1,5})(?:[ /-]{1,3}\d{2,8}){1,4}(?![\w-])"  # with a trunk prefix
)


def _iban(found: str) -> int:
    """How many characters of what was found are an IBAN (ISO 13616: the rest of a division by 97 is 1); 0 for none."""
    for end in range(min(len(found), 2 * LONGEST_IBAN), 0, -1):
        plain = re.sub("[ -]", "", found[:end])
        if not SHORTEST_IBAN <= len(plain) <= LONGEST_IBAN or not found[end - 1].isalnum():
            continue
        if int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1:
            return end
    return 0


def _card(found: str) -> int:
    """All of it where its last digit is the check digit of the others (Luhn), else 0."""
    digits = [int(c) for c in found if c.isdigit()]
    doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(reversed(digits))]
    return len(found) if len(digits) in CARD_DIGITS and sum(doubled) % 10 == 0 and any(digits) else 0


def _address(found: str) -> int:
    try:
        ipaddress.ip_address(found)
    except ValueError:
        return 0
    return len(found) if len(found) >= SHORTEST_ADDRESS else 0


Held = Callable[[str], int]
"""How many characters of a match are of the kind, 0 for none."""
BUILT_IN: Mapping[str, tuple[re.Pattern[str], Held]] = {
    "email": (_EMAIL, len),
    "iban": (_IBAN, _iban),
    "card": (_CARD, _card),
    "ip": (_IP4, _address),
    "ip6": (_IP6, _address),
    "phone": (_PHONE, len),
}
"""The built-in kinds, in the order in which they are looked for."""


@dataclass
class Redactor:
    """Replaces personal data by `[kind 1]`, `[kind 2]`, …, numbered as they are met; `own` patterns come first."""

    own: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    _seen: dict[tuple[str, str], str] = field(default_factory=dict)

    def text(self, text: str) -> str:
        """The text without personal data."""
        for kind, pattern in self.own.items():
            text = pattern.sub(partial(self._part, kind, len), text)
        for kind, (pattern, held) in BUILT_IN.items():
            text = pattern.sub(partial(self._part, kind, held), text)
        return text

    def value(self, value: T) -> T:
        """The value with every text in it redacted, keys of its tables included."""
        return cast(T, self._value(value))

    def all(self, values: Iterable[T]) -> tuple[T, ...]:
        """Several values, in order."""
        return tuple(self.value(value) for value in values)

    def counts(self) -> dict[str, int]:
        """How many different pieces of each kind were replaced."""
        kinds = [kind for kind, _ in self._seen]
        return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}

    def _value(self, value: object) -> object:
        match value:
            case str():
                return self.text(value)
            case tuple() | list():
                return type(value)(self._value(item) for item in value)
            case dict():
                return {self._value(name): self._value(item) for name, item in value.items()}
            case msgspec.Struct():
                fields = {name: self._value(getattr(value, name)) for name in value.__struct_fields__}
                return type(value)(**fields)
        return value

    def _part(self, kind: str, held: Held, match: re.Match[str]) -> str:
        found = match[0]
        n = held(found)
        return self._named(kind.removesuffix("6"), found[:n]) + found[n:] if n else found

    def _named(self, kind: str, piece: str) -> str:
        same = re.sub(r"[\W_]+", "", piece.casefold()) or piece
        if (kind, same) not in self._seen:
            self._seen[kind, same] = f"[{kind} {1 + sum(k == kind for k, _ in self._seen)}]"
        return self._seen[kind, same]
