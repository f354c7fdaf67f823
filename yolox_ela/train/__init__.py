"""Training: the loop, its optimizer, schedule, averaging and checkpoints."""
