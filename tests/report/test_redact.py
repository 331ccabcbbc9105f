"""Personal data: what is replaced, what stays, and that time grows no faster than the text."""

from __future__ import annotations

import re
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnose.core.artifact import Query, Turn
from diagnose.report.redact import BUILT_IN, Redactor

REPLACED = [
    ("write to ada.l+x@mail.example.co.uk!", "write to [email 1]!"),
    ("ADA@example.org ada@example.org bob@example.org", "[email 1] [email 1] [email 2]"),
    ("IBAN DE89 3704 0044 0532 0130 00 and on", "IBAN [iban 1] and on"),
    ("GB29NWBK60161331926819.", "[iban 1]."),
    ("FR14 2004 1010 0505 0001 3M02 606 PAID", "[iban 1] PAID"),
    ("card 4111 1111 1111 1111, or 4111-1111-1111-1111", "card [card 1], or [card 1]"),
    ("378282246310005", "[card 1]"),
    ("call +49 30 1234567 or +49 (30) 123-45-67", "call [phone 1] or [phone 1]"),
    ("0049 30 1234567", "[phone 1]"),
    ("(555) 123-4567", "[phone 1]"),
    ("555-123-4567 or 555.123.4568", "[phone 1] or [phone 2]"),
    ("(030) 1234567 und 030/1234567", "[phone 1] und [phone 1]"),
    ("from 192.168.17.4:8080", "from [ip 1]:8080"),
    ("host 2001:db8::8a2e:370:7334 down", "host [ip 1] down"),
]
KEPT = [
    "on 2026-11-24 at 12:30:45, clause 4.2.1.7-a",
    "4111 1111 1111 1112 has a wrong check digit",
    "DE88 3704 1044 1532 1130 11 has one, too",
    "999.1.1.1 is no address, 1.2.3 no more",
    "std::vector<int> and a::b",
    "invoice 2026-0004711 over 1,234,567.89",
    "550e8400-e29b-41d4-a716-446655440000",
    "@ada, see #12 and acme/app#7",
    "",
]


@pytest.mark.parametrize("text, expected", REPLACED)
def test_what_is_replaced(text: str, expected: str) -> None:
    assert Redactor().text(text) == expected


@pytest.mark.parametrize("text", KEPT)
def test_what_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_own_patterns_come_first_and_one_piece_keeps_its_number() -> None:
    redactor = Redactor({"staff": re.compile(r"\bE-\d{5}\b")})
    query = Query("E-00017, mail a@b.example", (Turn("user", "E-00018 wrote E-00017"),))
    assert redactor.value(query) == Query(
        "[staff 1], mail [email 1]", (Turn("user", "[staff 2] wrote [staff 1]"),)
    )
    assert redactor.counts() == {"staff": 2, "email": 1}


def test_every_text_of_a_value_is_looked_at() -> None:
    class Deep(msgspec.Struct, frozen=True):
        tags: dict[str, tuple[str | int | None, ...]]

    redacted = Redactor().value(Deep({"a@b.example": ("c@d.example", 3, None)}))
    assert redacted == Deep({"[email 1]": ("[email 2]", 3, None)})


@given(st.text(alphabet="a@.-+0123456789 :()DE/", max_size=300))
@settings(max_examples=300, deadline=None)
def test_nothing_of_a_kind_is_left(text: str) -> None:
    redactor = Redactor()
    once = redactor.text(text)
    assert "@" not in re.sub(r"[^\w@.-]", "", once) or not BUILT_IN["email"][0].search(once)
    assert redactor.text(once) == once


ATTACKS = ["a", "1", "a@", "a@a.", "1 ", "1-", "1.", "DE89 ", "+1 ", "0(", "::", "a:", "ÿ"]


@pytest.mark.parametrize("piece", ATTACKS)
def test_time_grows_with_the_text_and_no_faster(piece: str) -> None:
    """Eight times the text takes some eight times as long; a pattern that is not linear takes 64 times."""

    def took(n: int) -> float:
        text = piece * (n // len(piece))
        started = time.process_time()
        Redactor().text(text)
        return time.process_time() - started

    took(1000)
    small, large = max(took(20_000), 0.002), took(160_000)
    assert large < 30 * small
