"""Answers queries about Parquet and ORC files, with the readers that people use: a JSON request a line, a JSON answer a line.

    {"engine": "pyarrow", "path": "…", "format": "parquet" | "orc", "columns": […], "filter": "…", "hive": true}
    {"engine": "duckdb" | "spark", "sql": ["…", …]}        answers the last statement's rows

Values are what no JSON reader can change: numbers as texts, dates as days and times as microseconds (of 1970, midnight), also far ones.
"""

import base64
import json
import math
import sys

import pyarrow as pa
import pyarrow.compute as pc

engines = {}


def duckdb():
    if "duckdb" not in engines:
        import duckdb as module

        connection = module.connect()
        connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
        engines["duckdb"] = connection
    return engines["duckdb"]


def spark():
    if "spark" not in engines:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[1]")
        for key, value in json.loads(sys.argv[1]).items():
            builder = builder.config(key, value)
        engines["spark"] = builder.enableHiveSupport().getOrCreate()
    return engines["spark"]


def ask(request):
    engine = request["engine"]
    if engine == "pyarrow":
        from pyarrow import dataset

        partitioning = "hive" if request.get("hive") else None
        files = dataset.dataset(request["path"], format=request["format"], partitioning=partitioning)
        # pylint: disable=eval-used
        condition = eval(request["filter"], {"pc": pc, "pa": pa}) if request.get("filter") else None
        return files.to_table(columns=request.get("columns"), filter=condition)
    *before, last = request["sql"]
    if engine == "duckdb":
        for statement in before:
            duckdb().execute(statement)
        return duckdb().execute(last).to_arrow_table()
    for statement in before:
        spark().sql(statement)
    return spark().sql(last).toArrow()


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


for line in sys.stdin:
    try:
        table = ask(json.loads(line))
        columns = [values(column) for column in table.columns]
        answer = {
            "names": table.column_names,
            "types": [str(field.type) for field in table.schema],
            "rows": [list(row) for row in zip(*columns)],
        }
    except Exception as error:  # pylint: disable=broad-except
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
