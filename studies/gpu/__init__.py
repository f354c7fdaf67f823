"""Proof and measurements on a GPU that is lent for minutes and reached by single commands."""
