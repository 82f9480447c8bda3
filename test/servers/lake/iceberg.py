"""Adds the files of a dataset to a new table of Iceberg, partitioned by a column in the files, and prints what the table says.

    iceberg.py FOLDER CATALOG-FOLDER IDENTITY-PARTITION FILTER
"""

import json
import os
import sys

import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog

folder, catalog_folder, partition, condition = sys.argv[1:]
with open(os.path.join(folder, "_manifest.json"), encoding="utf-8") as file:
    files = [os.path.join(folder, one["path"]) for one in json.load(file)["files"]]

catalog = SqlCatalog("test", uri=f"sqlite:///{catalog_folder}/catalog.db", warehouse=f"file://{catalog_folder}")
catalog.create_namespace("lake")
table = catalog.create_table("lake.readings", schema=pq.read_schema(files[0]).remove_metadata())
if partition:
    with table.update_spec() as update:
        update.add_identity(partition)
table.add_files(file_paths=files)
scanned = table.scan()
bounds = [
    {"rows": task.file.record_count, "nulls": sorted((task.file.null_value_counts or {}).values()), "bounded": len(task.file.lower_bounds or {})}
    for task in scanned.plan_files()
]
print(
    json.dumps(
        {
            "count": scanned.count(),
            "files": len(bounds),
            "bounds": bounds,
            "selected": table.scan(row_filter=condition).to_arrow().num_rows,
            "planned": len(list(table.scan(row_filter=condition).plan_files())),
            "columns": [str(field.field_type) for field in table.schema().fields],
        }
    )
)
