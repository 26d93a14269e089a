"""Rows in the forms of other tools: each module turns a row into files, pure."""
