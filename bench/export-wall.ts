import { lakeFolder } from '../test/servers/cache-folder.js';
import { alternate, type Bench, type Benchmark, type Finding, secondsOf } from './lib/bench.js';
import { openReadings, type Readings, writtenBy } from './lib/readings.js';
import { must } from './lib/redis.js';
import { type Run, run } from './lib/run.js';

export const exportWall: Benchmark = {
  name: 'export-wall',
  summary: 'export parquet of 2 M readings ÷ psql that reads them, and the CPU ÷ that of DuckDB',
  rounds: 5,
  async measure(bench) {
    const readings = await openReadings(bench, Math.round(2_000_000 * bench.scale));
    const what = `${readings.rows.toLocaleString('en')} readings to Parquet`;
    const ours = 'metrify export parquet';
    const scanner = await scannerSide(bench, readings);
    const csv = 'DuckDB, CSV of psql';
    const runs = await alternate(
      bench,
      {
        [ours]: () => readings.export('parquet', [], { peak: true }),
        'psql > /dev/null': () => readings.psql(),
        ...(scanner ? { DuckDB: scanner } : { [csv]: csvSide(bench, readings) }),
      },
      {
        async check(side, result) {
          if (side === ours) must(writtenBy(result).rows === readings.rows, 'rows are missing');
        },
      },
    );
    const wall: Finding = { what, series: secondsOf(runs), judged: 'ratio', bar: 1.35 };
    const cpu = ([name, each]: [string, Run[]]) =>
      ({ name, unit: 's', values: each.map(({ cpuSeconds }) => cpuSeconds) }) as const;
    const watched = [...runs].filter(([name]) => name !== 'psql > /dev/null');
    return [
      wall,
      {
        what: `CPU of ${what}`,
        series: watched.map(cpu),
        ...(scanner ? { judged: 'ratio', bar: 1.5 } : { judged: 'none' }),
      },
    ];
  },
};

const python = (bench: Bench, program: string) =>
  run('python3', ['-c', program], { bench, peak: true, env: { PYTHONPATH: lakeFolder() } });

/** DuckDB reads PostgreSQL itself. Undefined where its extension for that is not there. */
async function scannerSide(
  bench: Bench,
  { url, folder }: Readings,
): Promise<(() => Promise<Run>) | undefined> {
  const attach = `import duckdb; d = duckdb.connect(); d.execute("LOAD postgres; ATTACH '${url}' AS pg (TYPE postgres, READ_ONLY)")`;
  try {
    await python(bench, attach);
  } catch (error) {
    bench.signal.throwIfAborted();
    bench.say(`  DuckDB does not read PostgreSQL: ${String(error).trim().split('\n').at(-1)}`);
    return undefined;
  }
  const copy = `; d.execute("COPY (SELECT * FROM pg.readings) TO '${folder}.duckdb.parquet' (COMPRESSION snappy)")`;
  return () => python(bench, attach + copy);
}

/** What else DuckDB can do, to compare with and not to be judged by: psql, whose CPU time does not count, gives it the rows as text. */
function csvSide(bench: Bench, { url, folder }: Readings): () => Promise<Run> {
  const psql = `["psql", "${url}", "-qc", "COPY readings TO STDOUT (FORMAT csv)"]`;
  const columns = `{meter_id: 'INTEGER', time: 'TIMESTAMPTZ', value: 'DOUBLE', sensor_type: 'VARCHAR', is_estimated: 'BOOLEAN'}`;
  const program = `import duckdb, subprocess
rows = subprocess.Popen(${psql}, stdout=subprocess.PIPE).stdout.fileno()
duckdb.execute(f"COPY (FROM read_csv('/dev/fd/{rows}', header=false, columns=${columns.replaceAll('{', '{{').replaceAll('}', '}}')})) TO '${folder}.duckdb.parquet' (COMPRESSION snappy)")`;
  return () => python(bench, program);
}
