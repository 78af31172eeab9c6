"""Run `python -m shopstream_sandbox` under its former name."""

from shopstream_sandbox.__main__ import main

if __name__ == "__main__":
    main()
