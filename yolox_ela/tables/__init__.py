"""The tables of the project: size and cost, speed, results; each beside the paper's numbers."""
