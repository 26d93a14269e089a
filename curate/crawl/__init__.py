"""From GitHub and git to candidates: pull requests that close issues and change tests."""
