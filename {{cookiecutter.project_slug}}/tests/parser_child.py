"""The process in which files are parsed, for `tests.forks`."""

from app.adapters.parsers.child import main

if __name__ == "__main__":
    main()
