"""What every plot's page shares: style, words, labels, layout."""
