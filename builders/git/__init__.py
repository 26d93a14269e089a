"""Git repositories, read and checked out the same way everywhere."""
