"""Export of rows in the formats of other tools."""
