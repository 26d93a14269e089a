"""Work that calls several rooms in a row; no logic of their own."""
