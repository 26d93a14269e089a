"""`python -m tests.reference`: write the reference; `make docs` calls it."""

from tests.reference import write_pages

write_pages()
