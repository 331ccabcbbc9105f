"""Replay logged queries stage by stage and say which stage is to blame for each failure."""

from __future__ import annotations

__version__ = "0.1.0"
