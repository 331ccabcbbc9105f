"""`python -m diagnose` and the `diagnose` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from diagnose.cli import app

    app()


if __name__ == "__main__":
    main()
