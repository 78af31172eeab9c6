"""`python -m shopstream.cli`."""

from shopstream.cli import main

if __name__ == "__main__":
    main()
