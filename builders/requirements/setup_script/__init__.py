"""Follow a setup script without running it: an interpreter for the part of Python they use."""
