"""Evaluation: inference over a split, average precision, tables."""
