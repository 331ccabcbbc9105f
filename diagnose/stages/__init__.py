"""Runnable stages: built in, the user's own, or answered from a log; and the corpus they search."""
