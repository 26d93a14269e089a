"""Where environments are built and tests run: containers, or a folder of this machine."""
