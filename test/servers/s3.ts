import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { lakeFolder } from './cache-folder.js';
import { freePort } from './ports.js';
import { launch, retrying, temporaryDirectory } from './process.js';

const program = fileURLToPath(new URL('s3/client.py', import.meta.url));

export interface S3Server {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** AWS's variables, of a user who may do everything with S3. Signatures are checked. */
  readonly env: Readonly<Record<string, string>>;
  /** AWS's variables of a new user, who may do what is said alone: `s3:GetObject`. */
  user(...actions: readonly string[]): Promise<Readonly<Record<string, string>>>;
  createBucket(bucket: string): Promise<void>;
  put(bucket: string, key: string, body: string): Promise<void>;
  /** Of all objects. */
  keys(bucket: string): Promise<readonly string[]>;
  /** Keys of multipart uploads that were neither completed nor aborted. */
  uploads(bucket: string): Promise<readonly string[]>;
  /** Begins a multipart upload, as another program. */
  beginUpload(bucket: string, key: string): Promise<void>;
  /** All objects, as files below a folder. */
  download(bucket: string, folder: string): Promise<void>;
  stop(): Promise<void>;
}

/** moto, which keeps everything in memory, on a free loopback port. Use `needs('lake')`. */
export function startS3(): Promise<S3Server> {
  return retrying(start, 2);
}

async function start(): Promise<S3Server> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const directory = await temporaryDirectory('s3');
  const environment = { PYTHONPATH: lakeFolder() };
  const server = await launch({
    command: 'python3',
    args: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)],
    directory: directory.path,
    env: environment,
    startTimeoutMs: 60_000,
    ready: async () => (await fetch(`${url}/moto-api/`).catch(() => undefined))?.ok ?? false,
  });
  let login = { AWS_ACCESS_KEY_ID: 'nobody', AWS_SECRET_ACCESS_KEY: 'yet' };
  const client = spawn('python3', [program, url], {
    env: { ...process.env, ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
  let last: Promise<unknown> = Promise.resolve();
  const ask = <T>(work: string, argument: object): Promise<T> => {
    const { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret } = login;
    const answer = last.then(async () => {
      client.stdin.write(`${JSON.stringify({ key, secret, work, argument })}\n`);
      const line = await lines.next();
      if (line.done) throw new Error('the client of S3 has ended');
      const { error, result } = JSON.parse(line.value) as { error?: string; result: T };
      if (error !== undefined) throw new Error(error);
      return result;
    });
    last = answer.catch(() => {});
    return answer;
  };
  let users = 0;
  const user = (...actions: readonly string[]): Promise<typeof login> =>
    ask('user', {
      user: `user-${++users}`,
      document: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
      },
    });
  login = await user('s3:*', 'iam:*');
  // Until now everybody might do everything.
  await fetch(`${url}/moto-api/reset-auth`, { method: 'POST', body: '0' });
  return {
    url,
    port,
    env: { ...login, AWS_ENDPOINT_URL_S3: url },
    user: async (...actions) => ({ ...(await user(...actions)), AWS_ENDPOINT_URL_S3: url }),
    createBucket: (bucket) => ask('create', { bucket }),
    put: (bucket, key, body) => ask('put', { bucket, key, body }),
    keys: (bucket) => ask('keys', { bucket }),
    uploads: (bucket) => ask('uploads', { bucket }),
    beginUpload: (bucket, key) => ask('upload', { bucket, key }),
    download: (bucket, folder) => ask('download', { bucket, folder }),
    async stop() {
      const ended = once(client, 'exit');
      client.stdin.end();
      await ended;
      await server.stop();
      await directory.remove();
    },
  };
}
