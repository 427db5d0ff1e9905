"""Read raw text, JSON and core-filtered interactions, whatever the provider."""
