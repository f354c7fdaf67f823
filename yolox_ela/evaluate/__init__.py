"""Evaluation: running a network over a split, matching, and average precision."""
