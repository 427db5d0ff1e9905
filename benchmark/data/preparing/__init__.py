"""From a source's raw rows to a prepared dataset."""
