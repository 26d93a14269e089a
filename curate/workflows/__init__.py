"""Workflows that combine several stages; they have no logic of their own."""
