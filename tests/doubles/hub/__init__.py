"""A Hugging Face Hub over real HTTP, enough for `huggingface_hub` and `datasets` unmodified.

Clients read their endpoint when they are imported, so give them a process of their own:

    with HubDouble() as hub:
        subprocess.run([sys.executable, "script.py"], env={**os.environ, **hub.environment(home)})

or, for many short scripts, one process that runs them all: `HubClient`.
"""

from tests.doubles.hub.client import HubClient
from tests.doubles.hub.server import Fault, HubDouble, Seen

__all__ = ["Fault", "HubClient", "HubDouble", "Seen"]
