"""Replays under every coalition of repaired stages: from a trace to its game."""
