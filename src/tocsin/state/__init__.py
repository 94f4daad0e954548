"""What people change, in one SQL database; the only user of SQLAlchemy."""
