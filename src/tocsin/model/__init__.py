"""Values that every part speaks; no input or output, no third party but msgspec and numpy."""
