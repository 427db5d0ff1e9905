"""Two runs on the same instances: what differs, by how much, for whom, and how surely."""
