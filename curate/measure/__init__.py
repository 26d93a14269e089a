"""What tests and statement of an instance are worth: mutants, coverage, interface, statement."""
