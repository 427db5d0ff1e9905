"""Finds the stored run that fills each cell of a table."""
