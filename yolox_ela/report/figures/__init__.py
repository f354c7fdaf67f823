"""Pictures of the numbers: each function takes numbers and returns a matplotlib Figure."""
