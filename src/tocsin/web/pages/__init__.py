"""Pages for people: request to values to template."""
