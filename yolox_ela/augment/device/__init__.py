"""Augmented batches made where they are used: pixels and boxes of many plans at once, in torch."""
