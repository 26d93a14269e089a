"""`python -m tests.reference`: write the reference; `make docs` calls it."""

from tests.reference import troubleshooting, write_pages

write_pages()
troubleshooting.write()
