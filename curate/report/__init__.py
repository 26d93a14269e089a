"""The report: a store as a site of plain files, which a browser reads without a server."""
