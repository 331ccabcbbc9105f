"""Traces in, traces out: one reader per format, all giving `core.trace.Trace` or a `Problem`."""
