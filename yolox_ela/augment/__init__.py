"""Augmented training samples: planned, rendered on the CPU or a GPU, cached and batched."""
