/** What Spark runs; its only argument is the path of the job. It prints nothing: its result is a file. */
export const program = `
import json, sys
from pyspark.sql import SparkSession, functions as F

with open(sys.argv[1], encoding="utf-8") as file:
    job = json.load(file)
spark = SparkSession.builder.appName("metrify export").getOrCreate()
spark.conf.set("spark.sql.session.timeZone", "UTC")
spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
spark.conf.set("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED")
spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
spark.conf.set("spark.sql.files.ignoreCorruptFiles", "false")

rows = spark.read.format("jdbc").options(**job["source"]).load()

def column(name, kind):
    value = F.col("\`" + name.replace("\`", "\`\`") + "\`")
    if kind == "days":
        value = F.date_from_unix_date(value.cast("int"))
    elif kind == "instant":
        value = F.timestamp_micros(value)
    elif kind == "wall":
        value = F.timestamp_micros(value).cast("timestamp_ntz")
    else:
        value = value.cast(kind)
    return value.alias(name)

names = job["partitionBy"]
rows = rows.select([column(each["name"], each["as"]) for each in job["columns"]] + [column(name, "string") for name in names])
if names:
    rows = rows.repartition(*["\`" + name.replace("\`", "\`\`") + "\`" for name in names])
if job["sortBy"]:
    rows = rows.sortWithinPartitions(*["\`" + name.replace("\`", "\`\`") + "\`" for name in job["sortBy"]])
writer = rows.write.mode("error").option("compression", job["compression"])
if names:
    writer = writer.partitionBy(*names)
writer.parquet(job["output"])

# Without its rows a file is read by its footer alone.
counts = spark.read.parquet(job["output"]).groupBy(F.col("_metadata.file_path")).count().collect()
with open(job["result"], "w", encoding="utf-8") as file:
    json.dump({row[0]: row[1] for row in counts}, file)
spark.stop()
`;
