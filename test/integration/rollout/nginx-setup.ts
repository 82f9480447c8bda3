import { join } from 'node:path';

import { systemClock } from '../../../src/lib/core/clock.js';
import { type FileSpec, openFileProvider } from '../../../src/lib/rollout/providers/files/open.js';
import type { Route } from '../../../src/lib/rollout/route.js';
import { startNginx, type NginxServer } from '../../servers/nginx.js';

export interface NginxStage {
  readonly nginx: NginxServer;
  readonly spec: FileSpec;
  readonly route: Route;
  readonly file: string;
  /** A second operator's route on the same file. */
  another(changes?: Partial<FileSpec>): Promise<Route>;
  stop(): Promise<void>;
}

export const firstBlock = `# Weights of the web service. }
split_clients "\${request_id}" $web {
    # 0%   v2;
    *      v1;
}
`;

/** NGINX with a master, in front of two versions that say their name. */
export async function stageNginx(http = ''): Promise<NginxStage> {
  const versions = await Promise.all(
    ['v1', 'v2'].map((name) => startNginx({ server: `location / { return 200 "${name} here\\n"; }` })),
  );
  const upstreams = versions.map(
    ({ port }, index) => `upstream v${index + 1} { server 127.0.0.1:${port}; keepalive 32; }`,
  );
  const nginx = await startNginx({
    workers: 2,
    files: { 'web.conf': firstBlock, 'other.conf': '# nothing\n' },
    http: `include $DIR/*.conf.d/*; include $DIR/web.conf; include $DIR/other.conf; ${upstreams.join(' ')} ${http}`,
    server: 'location / { proxy_pass http://$web; proxy_http_version 1.1; proxy_set_header Connection ""; }',
  });
  const file = join(nginx.directory, 'web.conf');
  const version = (name: string) => ({ name, deployment: undefined, colour: undefined });
  const spec: FileSpec = {
    provider: 'nginx',
    route: file,
    versions: { stable: version('v1'), canary: version('v2') },
    nginx: { config: nginx.config, binary: 'nginx' },
    envoy: { admin: undefined },
  };
  const another = async (changes: Partial<FileSpec> = {}): Promise<Route> =>
    (await openFileProvider({ ...spec, ...changes }, { clock: systemClock, requestTimeoutMs: 20_000 })).route;
  return {
    nginx,
    spec,
    file,
    route: await another(),
    another,
    async stop() {
      await Promise.all([nginx, ...versions].map((server) => server.stop()));
    },
  };
}

/** How often each version answers, over new connections. */
export async function ask(url: string, count: number): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const [name = ''] = (await (await fetch(url, { headers: { connection: 'close' } })).text()).split(' ');
    answers[name] = (answers[name] ?? 0) + 1;
  }
  return answers;
}
