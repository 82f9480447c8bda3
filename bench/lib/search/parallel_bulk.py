# The peer: parallel_bulk of elasticsearch-py with its own defaults.
import json
import sys

from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk

url, index, path = sys.argv[1:]


def actions():
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            yield {"_op_type": "index", "_index": index, "_id": document["id"], "_source": document}


indexed = failed = 0
with Elasticsearch(url, request_timeout=60) as client:
    for ok, _ in parallel_bulk(client, actions(), raise_on_error=False, raise_on_exception=False):
        indexed += ok
        failed += not ok
print(json.dumps({"indexed": indexed, "failed": failed}))
