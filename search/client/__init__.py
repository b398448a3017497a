"""A client for `twinlens serve`: its methods are those of a `SearchEngine`, with the same results and errors.

>>> from search.client import Client
>>> with Client("http://127.0.0.1:8080") as engine:
...     for hit in engine.search("query.jpg", k=10):
...         print(hit.path, hit.distance)

It needs the extra `client`: pip install "twinlens[client]".
"""

from search.client.client import Client
from search.client.errors import ServiceError

__all__ = ["Client", "ServiceError"]
