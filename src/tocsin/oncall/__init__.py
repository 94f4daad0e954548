"""Who is on call, who is called next, and how each one is reached."""
