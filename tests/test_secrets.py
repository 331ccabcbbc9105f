"""Keys are found by the names of their variables and taken out of texts."""

from __future__ import annotations

from pathlib import Path

from diagnose.secrets import secrets_in, without

KEY = "sk-planted-0123456789abcdef"


def test_secrets_are_known_by_the_names_of_their_variables(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}-of-a-file\n")
    environ = {
        "OPENAI_API_KEY": KEY,
        "db_password": "hunter2-hunter2",
        "HF_TOKEN": " hf_abcdefgh ",
        "X_API_KEY_FILE": str(tmp_path / "key"),
        "SHORT_KEY": "abc",
        "TOKENIZERS_PARALLELISM": "false-and-longer",
        "MONKEYS": "not a secret at all",
        "HOME": "/home/somebody",
    }
    found = secrets_in(environ)
    assert set(found) == {KEY, f"{KEY}-of-a-file", "hunter2-hunter2", "hf_abcdefgh", str(tmp_path / "key")}
    assert without(f"a {KEY}-of-a-file b {KEY} c", found) == "a [key] b [key] c"
    assert without("monkeys: not a secret at all", found) == "monkeys: not a secret at all"
