"""Fresh places to run a test command in: containers, or folders of this machine."""
