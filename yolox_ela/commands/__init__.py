"""What a user types: each command's options, and what it does."""
