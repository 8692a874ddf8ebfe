"""Renders a study as tables, figures, one HTML page and LaTeX."""
