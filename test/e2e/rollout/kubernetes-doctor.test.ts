import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { service } from '../../servers/kubernetes/objects.js';
import type { OwnNamespace } from '../../servers/kubernetes/own-namespace.js';
import { needs } from '../../servers/needs.js';
import { ownNamespace } from '../../servers/shared.js';
import { metrify } from '../run.js';

needs('kubernetes')('doctor with a rollout in Kubernetes', () => {
  let own: OwnNamespace;
  let folder: string;

  beforeAll(async () => {
    own = await ownNamespace();
    await own.apply(service('web', { app: 'web', version: 'v1' }));
    folder = await mkdtemp(join(tmpdir(), 'metrify-doctor-'));
    const versions = { blue: { name: 'v1' }, green: { name: 'v2' } };
    const rollouts = ['web', 'gone'].map((app) => ({ app, provider: 'service', route: app, ...versions }));
    const environments = { default: { rollouts } };
    await writeFile(join(folder, 'metrify.config.yaml'), JSON.stringify({ environments }));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const doctor = async (kubeconfig: string) => {
    const { code, json } = await metrify(['doctor', '--json'], {
      cwd: folder,
      env: { KUBECONFIG: kubeconfig },
    });
    return { code, systems: json().result.systems };
  };

  it('reads the object of each', async () => {
    const version = JSON.parse(await own.kubectl('get', '--raw', '/version')).gitVersion as string;
    const { code, systems } = await doctor(own.kubeconfig);
    expect(code).toBe(3);
    expect(systems).toMatchObject([
      { system: 'Kubernetes', target: `Service ${own.name}/web`, state: 'ok', version },
      { system: 'Kubernetes', target: 'Service gone', state: 'failed' },
    ]);
    expect(systems[1].problem).toContain(`there is no Service ${own.name}/gone`);
  });

  it('names the right that is missing', async () => {
    const kubeconfig = await own.serviceAccountKubeconfig('reader', [
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
    ]);
    const { code, systems } = await doctor(kubeconfig);
    expect(code).toBe(3);
    expect(systems[0].problem).toContain('may not get services');
    expect(systems[0].hint).toContain('{ apiGroups: [""], resources: ["services"], verbs: ["get"] }');
  });
});
