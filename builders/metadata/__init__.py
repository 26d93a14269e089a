"""What the build back-end of a project says that it requires, asked in a sandbox."""
