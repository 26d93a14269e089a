"""GitHub's API: one client, one retry policy, pages of PRs and batches of issues."""
