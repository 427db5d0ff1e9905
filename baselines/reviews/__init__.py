"""Systems that learn from what users write about items, and from photos of them."""
