# The peer: scan of elasticsearch-py with its own defaults; every hit is counted, and not printed.
import sys

from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

url, index = sys.argv[1:]
with Elasticsearch(url, request_timeout=60) as client:
    print(sum(1 for _ in scan(client, index=index)))
