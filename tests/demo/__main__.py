"""`python -m tests.demo`; everything is imported where an interrupt is caught."""

import sys

EXIT_INTERRUPTED = 130


def main() -> int:
    """Play the demo and return its exit code."""
    try:
        from tests.demo import play

        return play.main()
    except KeyboardInterrupt:
        print("\nInterrupted. The next demo begins anew; downloads are kept.", file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
