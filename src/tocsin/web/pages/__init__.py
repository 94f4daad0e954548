"""Pages for people: request to values to template. The one list of them."""
