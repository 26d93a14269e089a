"""From GitHub and git to candidates: merged PRs that close issues and change tests."""
