"""Replay logged queries stage by stage and say which stage is to blame for each failure."""

__version__ = "0.1.0"
