"""Answers queries about Parquet and ORC files, with the readers that people use: a JSON request a line, a JSON answer a line.

    {"engine": "pyarrow", "path": "…", "format": "parquet" | "orc", "columns": […], "filter": "…", "hive": true}
    {"engine": "duckdb" | "spark", "sql": ["…", …]}        answers the last statement's rows

    reader.py FOLDER SETTINGS-OF-SPARK

listens at FOLDER/socket. Each connection has its own DuckDB, and its own session and database of one Spark, which starts when it is
first asked, and logs to FOLDER/spark.log.
Values are what no JSON reader can change: numbers as texts, dates as days and times as microseconds (of 1970, midnight), also far ones.
"""

import base64
import itertools
import json
import math
import os
import socketserver
import sys
import threading

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import dataset

folder, spark_settings = sys.argv[1:]
spark_starts = threading.Lock()
numbers = itertools.count()


def new_duckdb():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
    return connection


def new_spark():
    from pyspark.sql import SparkSession

    with spark_starts:
        log = os.open(os.path.join(folder, "spark.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, sys.stderr.fileno())
        os.close(log)
        builder = SparkSession.builder.master("local[2]")
        for key, value in json.loads(spark_settings).items():
            builder = builder.config(key, value)
        session = builder.enableHiveSupport().getOrCreate().newSession()
    name = f"session_{next(numbers)}"
    session.sql(f"CREATE DATABASE {name}")
    session.sql(f"USE {name}")
    return session


def pyarrow(request):
    partitioning = "hive" if request.get("hive") else None
    files = dataset.dataset(request["path"], format=request["format"], partitioning=partitioning)
    # pylint: disable=eval-used
    condition = eval(request["filter"], {"pc": pc, "pa": pa}) if request.get("filter") else None
    return files.to_table(columns=request.get("columns"), filter=condition)


def values(array):
    """A list of plain values of an Arrow array."""
    kind = array.type
    if isinstance(array, pa.ChunkedArray):
        return [value for chunk in array.chunks for value in values(chunk)]
    if isinstance(array, pa.ExtensionArray) and str(kind) in ("extension<arrow.uuid>",):
        array = array.storage
        return [None if v is None else uuid(v) for v in array.to_pylist()]
    if isinstance(array, pa.ExtensionArray):
        return values(array.storage)
    if pa.types.is_dictionary(kind):
        return values(array.dictionary_decode())
    if pa.types.is_date32(kind):
        return texts(array.view(pa.int32()))
    if pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        per = {"us": 1, "ns": 1000, "ms": 0.001, "s": 0.000001}[kind.unit]
        numbers = array.view(pa.int64()).to_pylist()
        return [None if n is None else str(micros(n, per)) for n in numbers]
    if pa.types.is_time32(kind):
        return texts(array.view(pa.int32()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [None if not item.is_valid else values(item.values) for item in array]
    if pa.types.is_struct(kind):
        valid = array.is_valid().to_pylist()
        fields = [(kind[i].name, values(array.field(i))) for i in range(kind.num_fields)]
        return [{name: column[row] for name, column in fields} if ok else None for row, ok in enumerate(valid)]
    if pa.types.is_interval(kind):
        return [None if v is None else {"months": str(v.months), "days": str(v.days), "micros": str(v.nanoseconds // 1000)} for v in array.to_pylist()]
    return texts(array)


def micros(number, per):
    if per < 1:
        return number * round(1 / per)
    if number % per != 0:
        raise ValueError("finer than microseconds")
    return number // per


def uuid(value):
    text = value.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def texts(array):
    return [plain(value) for value in array.to_pylist()]


def plain(value):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return repr(value).replace("inf", "Infinity")
    if isinstance(value, (bytes, bytearray)):
        return "base64:" + base64.b64encode(value).decode()
    if hasattr(value, "as_tuple"):
        return format(value, "f")
    return str(value)


def answer(table):
    columns = [values(column) for column in table.columns]
    return {
        "names": table.column_names,
        "types": [str(field.type) for field in table.schema],
        "rows": [list(row) for row in zip(*columns)],
    }


class Connection(socketserver.StreamRequestHandler):
    duckdb = None
    spark = None

    def handle(self):
        for line in self.rfile:
            try:
                response = answer(self.ask(json.loads(line)))
            except Exception as error:  # pylint: disable=broad-except
                response = {"error": f"{type(error).__name__}: {error}"}
            self.wfile.write(json.dumps(response).encode() + b"\n")

    def ask(self, request):
        engine = request["engine"]
        if engine == "pyarrow":
            return pyarrow(request)
        *before, last = request["sql"]
        if engine == "duckdb":
            self.duckdb = self.duckdb or new_duckdb()
            for statement in before:
                self.duckdb.execute(statement)
            return self.duckdb.execute(last).to_arrow_table()
        self.spark = self.spark or new_spark()
        for statement in before:
            self.spark.sql(statement)
        return self.spark.sql(last).toArrow()


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False


with Server(os.path.join(folder, "socket"), Connection) as server:
    server.serve_forever()
