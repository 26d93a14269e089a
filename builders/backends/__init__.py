"""Backends that build environments and run tests: in containers, or in local folders."""
