"""Photos: the image encoder, the image tokenizer, and their training."""
