"""A simulated board and files for it, as the boards' own tests have them."""

from tests.boards.conftest import _own_state, make_file, place, sim  # noqa: F401
