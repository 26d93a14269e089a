"""The browser of instances: a list that searches, and a page for each candidate."""
