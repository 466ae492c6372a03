from tests.core.conftest import desk

__all__ = ["desk"]  # the same desk as the tests of core
