"""Search hyperparameters on validation: the space, the suggestions, the trials, the outcome."""
