"""A submission as files: its container, schema, limits and packing."""
