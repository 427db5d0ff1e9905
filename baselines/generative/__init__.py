"""Systems that answer in words: one T5 reads every task as a sentence and writes what it says."""
