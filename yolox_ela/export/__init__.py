"""Export: a trained network as a file for other programs, proven to compute the same."""
