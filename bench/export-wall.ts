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
    const duckdb = await duckdbSide(bench, readings);
    const runs = await alternate(
      bench,
      {
        [ours]: () => readings.export('parquet', [], { peak: true }),
        'psql > /dev/null': () => readings.psql(),
        ...(duckdb && { DuckDB: duckdb }),
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
    const watched = [...runs].filter(([name]) => name === ours || name === 'DuckDB');
    return [
      wall,
      {
        what: `CPU of ${what}`,
        series: watched.map(cpu),
        ...(duckdb ? { judged: 'ratio', bar: 1.5 } : { judged: 'none' }),
      },
    ];
  },
};

/** Undefined where DuckDB or its extension for PostgreSQL is not there. */
async function duckdbSide(
  bench: Bench,
  { url, folder }: Readings,
): Promise<(() => Promise<Run>) | undefined> {
  const python = (program: string, watch: boolean) =>
    run('python3', ['-c', program], { bench, peak: watch, env: { PYTHONPATH: lakeFolder() } });
  const attach = `import duckdb; d = duckdb.connect(); d.execute("LOAD postgres; ATTACH '${url}' AS pg (TYPE postgres, READ_ONLY)")`;
  try {
    await python(attach, false);
  } catch (error) {
    bench.signal.throwIfAborted();
    bench.say(`  without DuckDB: ${String(error).trim().split('\n').at(-1)}`);
    return undefined;
  }
  const copy = `; d.execute("COPY (SELECT * FROM pg.readings) TO '${folder}.duckdb.parquet' (COMPRESSION snappy)")`;
  return () => python(attach + copy, true);
}
