"""The command line: flags in, stages called, tables and JSON out."""
