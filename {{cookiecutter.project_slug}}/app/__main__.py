import gc


def main() -> None:
    """Entry point of the `app` command."""
    # Nothing that is imported becomes garbage, and looking for it takes a good part of the time of importing.
    gc.disable()
    from app.cli import main as run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
