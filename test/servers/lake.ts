import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { lease } from './shared.js';

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

/** The readers that analysts use: an own DuckDB, and an own session and database of the run's Spark. */
export interface Lake {
  /** @param path a file or a folder. @throws Error with the reader's own message */
  pyarrow(path: string, query?: PyarrowQuery): Promise<LakeTable>;
  /** The rows of the last statement: `select * from read_parquet('…')`. The time zone is UTC. */
  duckdb(...sql: readonly string[]): Promise<LakeTable>;
  /** The rows of the last statement: `` select * from parquet.`…` ``, with Hive's SerDes. The time zone is UTC. */
  spark(...sql: readonly string[]): Promise<LakeTable>;
  /** What Spark has logged in this run, for any test file: it warns only once of some things. */
  sparkLog(): Promise<string>;
  close(): Promise<void>;
}

/** Asked one after the other. Use `needs('lake')`. */
export async function openLake(): Promise<Lake> {
  const folder = (await lease('lake')).urls[0]!;
  const socket = connect(join(folder, 'socket'));
  await once(socket, 'connect');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  let last: Promise<unknown> = Promise.resolve();
  const ask = (request: object): Promise<LakeTable> => {
    const answer = last.then(async () => {
      socket.write(`${JSON.stringify(request)}\n`);
      const line = await lines.next();
      if (line.done) throw new Error('the readers have ended');
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
    sparkLog: () => readFile(join(folder, 'spark.log'), 'utf8'),
    close: async () => {
      const closed = once(socket, 'close');
      socket.end();
      await closed;
    },
  };
}
