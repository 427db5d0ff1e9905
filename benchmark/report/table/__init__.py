"""What a table asks for: its rows, columns and the paper's numbers."""
