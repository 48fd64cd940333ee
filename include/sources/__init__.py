"""Where fresh rows come from: files that upstream lands (the default), or queries. One module a kind of source.

A source's rows are pulled once, into deliveries in the landing bucket; from there on they are files like any others.
"""

from include.sources.files import Files
from include.sources.port import Connections, Delivery, Problem, Source, StreamName
from include.sources.sql import Sql

__all__ = ["Connections", "Delivery", "Files", "Problem", "Source", "Sql", "StreamName"]
