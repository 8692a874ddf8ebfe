"""Renders a study for people: tables, figures, one HTML page, LaTeX."""
