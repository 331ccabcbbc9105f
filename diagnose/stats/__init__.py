"""Intervals and tests over plain numbers: every random choice is seeded, nothing knows what is counted."""
