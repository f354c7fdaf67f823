"""Augmented batches in torch, on the training device: pixels and boxes of many plans at once."""
