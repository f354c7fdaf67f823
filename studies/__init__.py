"""Questions asked with the package: its speed, and how its recipes came about."""
