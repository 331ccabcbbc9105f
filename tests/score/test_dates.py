from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.score.dates import find_dates


@given(st.dates(date(1000, 1, 1), date(9999, 12, 31)))
def test_every_way_to_write_a_date_gives_the_same_token(day: date) -> None:
    year = f"{day.year:04d}"
    for text in (
        day.isoformat(),
        f"{day:%B} {day.day}, {year}",
        f"{day.day} {day:%b} {year}",
        f"the {day.day}th of {day:%B}, {year}",
        f"{day.day}.{day.month}.{year}",
        f"{year}/{day.month}/{day.day}",
        f"{day:%B} {day.day} {year}".lower(),
    ):
        assert [found.token for found in find_dates(text)] == [f"@{day.isoformat()}"], text


@pytest.mark.parametrize(
    "text, expected",
    [
        ("March 2024", ["@2024-03"]),
        ("5 March", ["@--03-05"]),
        ("March 5", ["@--03-05"]),
        ("march 5 men", []),
        ("25/12/2024", ["@2024-12-25"]),
        ("12/25/2024", ["@2024-12-25"]),
        ("12/12/2024", ["@2024-12-12"]),
        ("03/05/2024", []),
        ("30.02.2024", []),
        ("2024-13-01", []),
        ("1.2.3.2024", []),
        ("from 1 May 2020 to 2 June 2021", ["@2020-05-01", "@2021-06-02"]),
        ("0000-01-01", []),
    ],
)
def test_readings(text: str, expected: list[str]) -> None:
    assert [found.token for found in find_dates(text)] == expected
