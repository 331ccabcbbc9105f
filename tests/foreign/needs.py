"""What a test needs of other people's software."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest


def needs(*distributions: str) -> pytest.MarkDecorator:
    """Skips a test where one of the packages is not installed, and says how to install it."""
    absent = [name for name in distributions if not _is_there(name)]
    return pytest.mark.skipif(
        bool(absent), reason=f"not installed: {', '.join(absent)}; run  make test-foreign"
    )


def _is_there(distribution: str) -> bool:
    # Looked up, not imported: importing some of them takes seconds, and warns.
    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False
