"""Frozen values every other layer speaks in; nothing here computes, reads or prints."""
