"""What pytest leaves alone here."""

from __future__ import annotations

collect_ignore = ["fuzz_atheris.py"]
