import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { type EnvoyServer, startEnvoy } from '../../servers/envoy.js';
import { needs } from '../../servers/needs.js';
import { freePort } from '../../servers/ports.js';
import { ownRedis } from '../../servers/shared.js';
import { metrify } from '../run.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metrify-doctor-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Row {
  system: string;
  target: string;
  state: string;
  version?: string;
  latencyMs?: number;
  notes: string[];
  problem?: string;
}

async function doctor(config: unknown, argv: string[] = [], env: Record<string, string> = {}) {
  await writeFile(join(folder, 'metrify.config.yaml'), JSON.stringify({ environments: config }));
  const { code, stderr, json } = await metrify(['doctor', '--json', ...argv], { cwd: folder, env });
  return { code, stderr, rows: code === 0 || code === 3 ? (json().result.systems as Row[]) : [] };
}

const rollout = (app: string, more: object) => ({
  app,
  stable: { name: 'v1' },
  canary: { name: 'v2' },
  ...more,
});

needs('envoy', 'nginx')('doctor with rollouts in files', () => {
  let envoy: EnvoyServer;
  beforeAll(async () => {
    envoy = await startEnvoy({ clusters: { v1: ['127.0.0.1:1'], v2: ['127.0.0.1:1'] } });
  });
  afterAll(() => envoy?.stop());

  it('asks the server of each, and reads its route', async () => {
    await writeFile(join(folder, 'weights.conf'), '');
    const { code, rows } = await doctor({
      default: {
        rollouts: [
          rollout('web', { provider: 'nginx', route: 'weights.conf' }),
          rollout('api', { provider: 'envoy', route: envoy.routes, envoy: { admin: envoy.admin } }),
          // Its admin interface is a secret that is not there: it is not looked up.
          rollout('old', { provider: 'envoy', route: envoy.routes, envoy: { admin: { env: 'NOWHERE' } } }),
        ],
      },
    });
    expect(code).toBe(0);
    expect(rows).toMatchObject([
      { system: 'NGINX', target: join(folder, 'weights.conf'), state: 'ok', notes: ['rollout web'] },
      { system: 'Envoy', target: envoy.routes, state: 'ok' },
      { system: 'Envoy', target: envoy.routes, state: 'ok', notes: ['rollout old', 'no envoy.admin to ask'] },
    ]);
    expect(rows[0]!.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(rows[1]!.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(rows[1]!.notes).toEqual(['rollout api', `admin at ${new URL(envoy.admin).host}`]);
  });

  it('says of each what is wrong, and goes through the others', async () => {
    const port = await freePort();
    const kubeconfig = join(folder, 'missing');
    const { code, rows } = await doctor(
      {
        default: {
          rollouts: [
            rollout('a', { provider: 'nginx', route: 'missing.conf' }),
            rollout('b', { provider: 'nginx', route: envoy.routes, nginx: { binary: './no-nginx' } }),
            rollout('c', {
              provider: 'envoy',
              route: envoy.routes,
              envoy: { admin: `http://127.0.0.1:${port}` },
            }),
            rollout('d', { provider: 'istio', route: 'web', namespace: 'metering' }),
            rollout('e', { provider: 'envoy', route: envoy.routes }),
          ],
        },
      },
      [],
      { KUBECONFIG: kubeconfig },
    );
    expect(code).toBe(3);
    expect(rows.map(({ system, state }) => [system, state])).toEqual([
      ['NGINX', 'failed'],
      ['NGINX', 'failed'],
      ['Envoy', 'failed'],
      ['Kubernetes', 'failed'],
      ['Envoy', 'ok'],
    ]);
    expect(rows[0]!.problem).toContain(`${join(folder, 'missing.conf')} does not exist`);
    expect(rows[1]!.problem).toContain(`${join(folder, 'no-nginx')} is not installed here`);
    expect(rows[2]!.problem).toContain(`127.0.0.1:${port}`);
    expect(rows[3]).toMatchObject({ target: 'VirtualService metering/web' });
    expect(rows[3]!.problem).toContain(kubeconfig);
  });

  it('does not overwrite a route that it reads', async () => {
    const route = join(folder, 'weights.conf');
    await writeFile(route, 'mine');
    const config = { default: { rollouts: [rollout('web', { provider: 'nginx', route })] } };
    const { code, stderr } = await doctor(config, ['--junit', route]);
    expect(code).toBe(2);
    expect(stderr).toContain('SAME_FILE');
  });
});

needs('redis')('doctor with -e', () => {
  it('shows a system that the environment does not take from its variable', async () => {
    const { url } = await ownRedis();
    const env = { METRIFY_MEMCACHED_SERVERS: '127.0.0.1:1' };
    const { code, rows } = await doctor({ staging: { redis: { url } } }, ['-e', 'staging'], env);
    expect(code).toBe(0);
    expect(rows.map(({ system, state }) => [system, state])).toEqual([
      ['Redis', 'ok'],
      ['Memcached', 'refused'],
    ]);
    expect(rows[1]!.problem).toContain('METRIFY_MEMCACHED_SERVERS');
    // Microseconds, and no digits that say nothing.
    expect(String(rows[0]!.latencyMs)).toMatch(/^\d+(\.\d{1,3})?$/);
  });

  it('and refuses when nothing else is there to ask', async () => {
    const env = { METRIFY_MEMCACHED_SERVERS: '127.0.0.1:1' };
    const { code, stderr } = await doctor({ staging: {} }, ['-e', 'staging'], env);
    expect(code).toBe(2);
    expect(stderr).toContain('METRIFY_MEMCACHED_SERVERS');
  });
});
