"""What ``import benchmark as ub`` gives: the commands as functions, their results as objects.

Names and defaults are those of the command line. Results print themselves in a line, and show as
tables in a notebook.
"""
