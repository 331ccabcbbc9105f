"""`python -m diagnose` and the `diagnose` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    try:
        from diagnose.cli import app

        app()
    except KeyboardInterrupt:  # while modules load; a command that has begun says more
        raise SystemExit(_too_early()) from None


def _too_early() -> int:
    """Say that nothing was begun, and give the exit code."""
    import sys

    from diagnose.errors import EXIT_INTERRUPTED

    sys.stderr.write("error: interrupted before anything was begun\n")
    return EXIT_INTERRUPTED


if __name__ == "__main__":
    main()
