import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { postgresTarget } from '../../clients/postgres/target.js';
import type { PostgresSettings } from '../../clients/settings.js';
import { UserError } from '../../core/errors.js';

export interface KeyRange {
  /** A column of the query that holds integers. */
  readonly column: string;
  readonly least: string;
  readonly most: string;
  /** Ranges that are read at once. */
  readonly count: number;
}

/**
 * Options of Spark's JDBC source. All of its connections read the one snapshot.
 * @param folder where the authorities to trust are written, if there are any
 * @throws UserError `SPARK_SOCKET`; as `postgresTarget`
 */
export async function jdbcSource(
  settings: PostgresSettings,
  sql: string,
  snapshot: string,
  range: KeyRange | undefined,
  folder: string,
): Promise<Readonly<Record<string, string>>> {
  const { host, port, database, user, password, options, tls } = await postgresTarget(settings);
  if (host.startsWith('/'))
    throw new UserError('PostgreSQL is reached by a Unix socket, which the JDBC driver of Spark cannot use', {
      code: 'SPARK_SOCKET',
      hint: 'Give its host and port.',
    });
  const parameters = new URLSearchParams({ ApplicationName: 'metrify export', sslmode: 'disable' });
  if (options !== undefined) parameters.set('options', options);
  if (tls) {
    const named = tls.checkServerIdentity === undefined ? 'verify-full' : 'verify-ca';
    parameters.set('sslmode', tls.rejectUnauthorized === false ? 'require' : named);
    if (tls.ca === undefined) parameters.set('sslfactory', 'org.postgresql.ssl.DefaultJavaSSLFactory');
    else {
      const path = join(folder, 'authorities.pem');
      await writeFile(path, String(tls.ca), { mode: 0o600 });
      parameters.set('sslrootcert', path);
    }
  }
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    driver: 'org.postgresql.Driver',
    url: `jdbc:postgresql://${name}:${port}/${encodeURIComponent(database ?? '')}?${parameters.toString()}`,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    dbtable: `(${sql}) AS metrify`,
    // With a fetch size the driver keeps a transaction open, and this begins it.
    fetchsize: '10000',
    sessionInitStatement: `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '${snapshot}'; SET LOCAL statement_timeout = 0; SET LOCAL extra_float_digits = 3; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'`,
    pushDownPredicate: 'false',
    ...(range === undefined
      ? {}
      : {
          partitionColumn: range.column,
          lowerBound: range.least,
          upperBound: range.most,
          numPartitions: String(range.count),
        }),
  };
}
