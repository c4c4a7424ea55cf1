"""What README and manual say of the measurements: a function for each table."""
