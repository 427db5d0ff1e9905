"""A report as text, Markdown, LaTeX, HTML, CSV or JSON."""
