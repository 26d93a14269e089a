"""Editable installs, renewed where the files of a checkout have changed since."""
