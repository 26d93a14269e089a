"""Recipes: checked against history, drafted from what a repository says."""
