"""The report of a run: a page, and the pictures and numbers it is made from."""
