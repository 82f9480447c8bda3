import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { lakeFolder } from '../cache-folder.js';
import { launch, temporaryDirectory } from '../process.js';

const program = fileURLToPath(new URL('reader.py', import.meta.url));

export interface LakeServer {
  /** Has `socket`, where reader.py listens, and `spark.log`. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** One process with the readers that analysts use. Spark and its virtual machine take seconds to begin, once a run. */
export async function startLake(): Promise<LakeServer> {
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
    'spark.hadoop.javax.jdo.option.ConnectionURL': 'jdbc:derby:memory:metastore;create=true',
    'spark.driver.extraJavaOptions': `-Duser.timezone=UTC -Dderby.system.home=${directory.path} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC`,
    'spark.sql.execution.arrow.maxRecordsPerBatch': '100000',
  };
  const server = await launch({
    command: 'python3',
    args: [program, directory.path, JSON.stringify(settings)],
    directory: directory.path,
    env: { PYTHONPATH: lakeFolder(), TZ: 'UTC', PYSPARK_PYTHON: 'python3' },
    ready: () => listens(join(directory.path, 'socket')),
  });
  return {
    folder: directory.path,
    async stop() {
      await server.stop();
      await directory.remove();
    },
  };
}

function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
