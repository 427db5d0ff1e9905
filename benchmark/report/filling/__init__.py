"""Which stored run fills which cell of a table."""
