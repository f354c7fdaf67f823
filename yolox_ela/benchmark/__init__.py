"""Measurements of speed, side by side with what others offer."""
