"""Timing this package's code beside the code that it replaces."""
