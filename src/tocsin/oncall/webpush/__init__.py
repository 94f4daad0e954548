"""Pages to browsers without any vendor's cloud account: Web Push (RFC 8030, 8291, 8292)."""
