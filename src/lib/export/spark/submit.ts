import { join } from 'node:path';

import { ServiceUnavailable, systemCode, UserError } from '../../core/errors.js';
import { excerpt } from '../../http/excerpt.js';

export interface SparkOptions {
  /** `spark.master=…`: given to spark-submit as they are. */
  readonly conf: readonly string[];
  /** `SPARK_HOME` and `PATH` say where Spark is. */
  readonly env: NodeJS.ProcessEnv;
  /** Where files go that Spark's processes share with this one. */
  readonly temporaryFolder: string;
}

/** Kept of what Spark says, for its error. */
const mostLog = 256 * 1024;

/**
 * Runs a Python program on Spark.
 * @throws UserError `SPARK_MISSING`; ServiceUnavailable `SPARK_FAILED` with the error of the database or of Spark; the signal's reason
 */
export async function submit(
  args: readonly string[],
  { conf, env }: SparkOptions,
  signal: AbortSignal,
): Promise<void> {
  const { execa } = await import('execa');
  const command = env['SPARK_HOME'] ? join(env['SPARK_HOME'], 'bin', 'spark-submit') : 'spark-submit';
  const options = ['spark.ui.enabled=false', ...conf].flatMap((each) => ['--conf', each]);
  const child = execa(command, [...options, ...args], {
    extendEnv: false,
    env: { ...env },
    stdin: 'ignore',
    // spark-submit prints the errors of Python programs there.
    stdout: 'pipe',
    buffer: false,
    cancelSignal: signal,
    forceKillAfterDelay: 5000,
    reject: false,
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-mostLog)));
  const ended = await child;
  signal.throwIfAborted();
  if (!ended.failed) return;
  if (systemCode(ended) === 'ENOENT' || systemCode((ended as { cause?: unknown }).cause) === 'ENOENT')
    throw new UserError(`${command} was not found`, {
      code: 'SPARK_MISSING',
      hint: 'Set SPARK_HOME to the folder of Spark, or put spark-submit into PATH.',
    });
  throw failed(log);
}

function failed(log: string): UserError {
  if (/ClassNotFoundException: org\.postgresql\.Driver/.test(log))
    return new UserError('Spark has no JDBC driver for PostgreSQL', {
      code: 'SPARK_DRIVER',
      hint: 'Give --spark-conf spark.jars=/path/to/postgresql-42.jar, or put the driver among the jars of Spark.',
    });
  if (/PSQLException: ERROR: (invalid snapshot identifier|snapshot .* does not exist)/.test(log))
    return new ServiceUnavailable('snapshot not visible: a transaction pooler?', {
      code: 'SNAPSHOT_NOT_VISIBLE',
      hint: 'Connect to the server itself.',
    });
  const said =
    /PSQLException: ((?:ERROR|FATAL): [^\n]*)/.exec(log)?.[1] ??
    /USER_RAISED_EXCEPTION\] ([^\n]*)/.exec(log)?.[1] ??
    /^(?:Caused by: |py4j.*: )(\S+(?:Exception|Error): [^\n]*)/m.exec(log)?.[1] ??
    log.trim().split('\n').at(-1) ??
    '';
  return new ServiceUnavailable(`Spark did not write the rows: ${excerpt(said)}`, {
    code: 'SPARK_FAILED',
    hint: 'Nothing of the dataset was changed.',
  });
}
