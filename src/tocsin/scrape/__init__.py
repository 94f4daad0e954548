"""The pull side: which targets there are, when each is asked, and what came of it."""
