"""Divides games into blame, and blame over many traces into a ranking. Sees only games and numbers."""
