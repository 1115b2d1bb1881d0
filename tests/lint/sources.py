"""The C sources that the lint checks look at."""

TREES = ("common", "agent", "aggregator", "deploy", "tests")


def sources(root):
    """All .c and .h files under root, sorted, as pairs of path and name from the root."""
    paths = sorted(path for tree in TREES for path in (root / tree).rglob("*.[ch]"))
    return [(path, path.relative_to(root).as_posix()) for path in paths]
