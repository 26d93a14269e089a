"""GitHub's GraphQL API: one seam, one retry policy, pages of pulls and batches of issues."""
