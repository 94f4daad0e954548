"""Questions about log lines: the text that people type, as SQL and as a test of single lines."""
