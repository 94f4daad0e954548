"""The log shipper: a program of its own that reads what a machine says and sends it to a Tocsin."""
