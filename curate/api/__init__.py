"""What `import curate` offers: a stable interface for Python, documented in docs/python.md."""
