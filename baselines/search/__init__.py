"""Product search: systems that read the query."""
