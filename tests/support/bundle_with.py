"""A bundle for suggestions that lacks everything but what it is said to have."""


class BundleWith:
    """Answers for the values of options."""

    def __init__(self, *has: str) -> None:
        self._has = has

    def name(self, value: str) -> bool:
        return value not in self._has

    def path(self, path: str) -> bool:
        return path not in self._has

    def part(self, end: str) -> bool:
        return not any(path.endswith(end) for path in self._has)
