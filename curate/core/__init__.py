"""Shared by all subpackages: data model, errors, settings, names."""
