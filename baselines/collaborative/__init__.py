"""Systems that read who took what and nothing else, written from their authors' formulas."""
