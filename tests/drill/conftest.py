import pytest

# What fails in there says what it compared.
for name in ("agreeing", "laws", "people", "rounds", "schedules", "telling"):
    pytest.register_assert_rewrite(f"tests.drill.{name}")
