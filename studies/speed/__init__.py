"""This package's code timed beside what it replaces."""
