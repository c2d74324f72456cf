"""The program's entry: whoever interrupts it while it is read in, sees no traceback.

So nothing is imported here before somebody catches that; `counterfoil/__init__.py` imports nothing.
"""


def main() -> None:
    """Run the command this process was called with; always ends by `SystemExit`."""
    try:
        from counterfoil import cli  # noqa: PLC0415 (half a second, in which Ctrl-C may come)

        cli.main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
