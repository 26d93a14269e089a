"""Git repositories, read and checked out independently of the user's configuration."""
