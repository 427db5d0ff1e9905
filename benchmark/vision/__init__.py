"""Photos and small image encoders: what the harness and models share about pictures."""
