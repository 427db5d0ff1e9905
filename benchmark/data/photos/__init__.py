"""Photos from outside: fetched, inspected, and laid where preparation looks for them."""
