"""Spans on their way in: understood, bounded, scrubbed, handed over to be kept, and counted."""
