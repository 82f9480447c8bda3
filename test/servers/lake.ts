import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { lakeFolder } from './cache-folder.js';
import { temporaryDirectory } from './process.js';

const program = fileURLToPath(new URL('lake/reader.py', import.meta.url));

/** Numbers, dates (days), times (microseconds) and decimals are texts; bytes are `base64:…`. */
export type LakeValue =
  null | boolean | string | readonly LakeValue[] | { readonly [field: string]: LakeValue };

export interface LakeTable {
  readonly names: readonly string[];
  /** As Arrow calls them. */
  readonly types: readonly string[];
  readonly rows: readonly (readonly LakeValue[])[];
}

export interface PyarrowQuery {
  readonly format?: 'parquet' | 'orc';
  readonly columns?: readonly string[];
  /** A Python expression: `pc.field('value') > 200`. */
  readonly filter?: string;
  /** Columns from the names of folders. */
  readonly hive?: boolean;
}

/** The readers that analysts use, in one process that lives as long as a test file: Spark takes seconds to begin. */
export interface Lake {
  /** @param path a file or a folder. @throws Error with the reader's own message */
  pyarrow(path: string, query?: PyarrowQuery): Promise<LakeTable>;
  /** The rows of the last statement: `select * from read_parquet('…')`. The time zone is UTC. */
  duckdb(...sql: readonly string[]): Promise<LakeTable>;
  /** The rows of the last statement: `` select * from parquet.`…` ``, with Hive's SerDes. The time zone is UTC. */
  spark(...sql: readonly string[]): Promise<LakeTable>;
  /** What Spark and the others have logged so far. */
  log(): string;
  close(): Promise<void>;
}

/** Asked one after the other. Use `needs('lake')`. */
export async function openLake(): Promise<Lake> {
  const directory = await temporaryDirectory('lake');
  const settings = {
    'spark.ui.enabled': 'false',
    'spark.sql.session.timeZone': 'UTC',
    'spark.sql.shuffle.partitions': '1',
    'spark.driver.host': '127.0.0.1',
    'spark.driver.bindAddress': '127.0.0.1',
    'spark.driver.memory': '1g',
    'spark.local.dir': directory.path,
    'spark.sql.warehouse.dir': join(directory.path, 'warehouse'),
    'spark.hadoop.javax.jdo.option.ConnectionURL': `jdbc:derby:;databaseName=${join(directory.path, 'metastore')};create=true`,
    'spark.driver.extraJavaOptions': `-Duser.timezone=UTC -Dderby.system.home=${directory.path}`,
    'spark.sql.execution.arrow.maxRecordsPerBatch': '100000',
  };
  const child = spawn('python3', [program, JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONPATH: lakeFolder(), TZ: 'UTC', PYSPARK_PYTHON: 'python3' },
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let last: Promise<unknown> = Promise.resolve();
  const ask = (request: object): Promise<LakeTable> => {
    const answer = last.then(async () => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await lines.next();
      if (line.done) throw new Error(`the readers have ended:\n${log.slice(-2000)}`);
      const table = JSON.parse(line.value) as LakeTable & { readonly error?: string };
      if (table.error !== undefined) throw new Error(table.error);
      return table;
    });
    last = answer.catch(() => {});
    return answer;
  };
  return {
    pyarrow: (path, query = {}) => ask({ engine: 'pyarrow', path, format: 'parquet', ...query }),
    duckdb: (...sql) => ask({ engine: 'duckdb', sql }),
    spark: (...sql) => ask({ engine: 'spark', sql }),
    log: () => log,
    close: async () => {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
      await directory.remove();
    },
  };
}
