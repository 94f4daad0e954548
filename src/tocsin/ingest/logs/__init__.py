"""Log lines on their way in: understood, scrubbed, limited, and handed over to be kept."""
