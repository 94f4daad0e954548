"""Do things that people rely on answer? Asked from outside, as their users ask them."""
