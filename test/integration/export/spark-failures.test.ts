import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { submit } from '../../../src/lib/export/spark/submit.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';

let home: TemporaryDirectory;
beforeAll(async () => {
  home = await temporaryDirectory('spark-home');
  await mkdir(join(home.path, 'bin'));
});
afterAll(() => home.remove());

const { signal } = new AbortController();

/** Runs a spark-submit that says this and ends with 1: Java's errors on stderr, those of the Python program on stdout. */
async function submitted(said: string, descriptor: 1 | 2): Promise<void> {
  await writeFile(join(home.path, 'said'), said);
  await writeFile(
    join(home.path, 'bin', 'spark-submit'),
    `#!/bin/sh\ncat "$SPARK_HOME/said" >&${descriptor}\nexit 1\n`,
    {
      mode: 0o755,
    },
  );
  await submit(
    ['program.py'],
    { conf: [], env: { ...process.env, SPARK_HOME: home.path }, temporaryFolder: home.path },
    signal,
  );
}

/** As Spark 4.0.1 logs that PostgreSQL refused a task's query. */
const refusedTask = (error: string) => `26/11/29 09:58:12 INFO Executor: Running task 0.0 in stage 0.0 (TID 0)
26/11/29 09:58:12 INFO JDBCRDD: closed connection
26/11/29 09:58:12 ERROR Executor: Exception in task 0.0 in stage 0.0 (TID 0)
org.postgresql.util.PSQLException: ERROR: ${error}
	at org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2736)
26/11/29 09:58:13 WARN TaskSetManager: Lost task 0.0 in stage 0.0 (TID 0) (localhost executor driver): org.postgresql.util.PSQLException: ERROR: ${error}
Caused by: org.postgresql.util.PSQLException: ERROR: ${error}
26/11/29 09:58:16 INFO ShutdownHookManager: Deleting directory /tmp/spark-45cef1fd
`;

it.each([
  [
    'what PostgreSQL said',
    refusedTask('cannot convert infinity to bigint'),
    { code: 'SPARK_FAILED', exitCode: 5, message: /: ERROR: cannot convert infinity to bigint$/ },
  ],
  [
    'a snapshot of another server',
    refusedTask('invalid snapshot identifier: "00000003-00000002-1"'),
    { code: 'SNAPSHOT_NOT_VISIBLE', exitCode: 5, message: /transaction pooler/ },
  ],
  [
    'a snapshot that is gone',
    refusedTask('snapshot "00000003-00000002-1" does not exist'),
    { code: 'SNAPSHOT_NOT_VISIBLE', exitCode: 5, message: /transaction pooler/ },
  ],
  [
    'the driver that Spark lacks',
    'py4j.protocol.Py4JJavaError: An error occurred while calling o42.load.\n: java.lang.ClassNotFoundException: org.postgresql.Driver\n\tat java.base/java.net.URLClassLoader.findClass\n',
    { code: 'SPARK_DRIVER', exitCode: 2, message: /no JDBC driver/ },
  ],
  [
    'the last line, where nothing is known',
    'Error: JAVA_HOME is not set and could not find java.\n',
    { code: 'SPARK_FAILED', exitCode: 5, message: /JAVA_HOME is not set/ },
  ],
])('the error of spark-submit has %s', async (what, said, expected) => {
  const descriptor = what === 'the driver that Spark lacks' ? 1 : 2;
  const error: unknown = await submitted(said, descriptor).catch((thrown: unknown) => thrown);
  const { code, exitCode, message } = error as { code: string; exitCode: number; message: string };
  expect({ code, exitCode }).toEqual({ code: expected.code, exitCode: expected.exitCode });
  expect(message).toMatch(expected.message);
});

it('a spark-submit that is not there is said, and where it was looked for', async () => {
  const options = { conf: [], env: { SPARK_HOME: '/nowhere' }, temporaryFolder: home.path };
  await expect(submit([], options, signal)).rejects.toMatchObject({
    code: 'SPARK_MISSING',
    exitCode: 2,
    message: '/nowhere/bin/spark-submit was not found',
  });
});
