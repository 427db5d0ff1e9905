"""What stands between a model's name and a fitted model."""
