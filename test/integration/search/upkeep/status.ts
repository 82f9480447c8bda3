import { beforeAll, expect, test } from 'vitest';

import type { ElasticClient } from '../../../../src/lib/search/elastic/client.js';
import { markKey } from '../../../../src/lib/search/reindex/state.js';
import { findings } from '../../../../src/lib/search/status/findings.js';
import { readFacts } from '../../../../src/lib/search/status/read.js';
import type { OwnNames } from './server.js';

/** What `search status` promises of every engine. */
export function statusCases(server: () => OwnNames): void {
  const signal = AbortSignal.timeout(600_000);
  let client: ElasticClient;
  let prefix: string;
  let counter = 0;

  beforeAll(() => {
    client = server().client;
    prefix = `${server().prefix}status-`;
  });

  async function index(settings: object, documents = 0, mappings: object = {}): Promise<string> {
    const name = `${prefix}${counter++}`;
    await client.json({ method: 'PUT', path: `/${name}`, body: { settings, mappings } }, signal);
    const lines = Array.from({ length: documents }, (_, i) => `{"index":{}}\n{"value":${i}}\n`);
    if (documents > 0)
      await client.bytes(
        {
          method: 'POST',
          path: `/${name}/_bulk`,
          query: { refresh: 'true' },
          contentType: 'application/x-ndjson',
          body: lines.join(''),
        },
        signal,
      );
    return name;
  }

  const found = async (name: string) =>
    findings(await readFacts(client, name, signal)).filter(({ what }) => what.startsWith(name));
  const setting = (name: string, one: string, value: unknown) => ({
    method: 'PUT',
    path: `/${name}/_settings`,
    body: { [one]: value },
  });

  test('says of indices what _cat says', async () => {
    const name = await index({ number_of_shards: 2, number_of_replicas: 1 }, 50);
    const [facts] = (await readFacts(client, name, signal)).indices;
    const query = { format: 'json', bytes: 'b', h: 'index,health,pri,rep,docs.count,store.size' };
    const [cat] = await client.json<Record<string, string>[]>(
      { path: `/_cat/indices/${name}`, query },
      signal,
    );
    expect({
      index: facts!.name,
      health: facts!.health,
      pri: String(facts!.shards),
      rep: String(facts!.replicas),
      'docs.count': String(facts!.documents),
      'store.size': String(facts!.bytes),
    }).toEqual(cat);
    const shards = await client.json<Record<string, string>[]>(
      { path: `/_cat/shards/${name}`, query: { format: 'json', h: 'shard,prirep,state,unassigned.reason' } },
      signal,
    );
    const missing = shards
      .filter(({ state }) => state === 'UNASSIGNED')
      .map(({ shard, prirep, 'unassigned.reason': reason }) => `${shard} ${prirep} ${reason}`);
    expect(
      facts!.unassigned
        .map(({ shard, isPrimary, reason }) => `${shard} ${isPrimary ? 'p' : 'r'} ${reason}`)
        .sort(),
    ).toEqual(missing.sort());
    expect(missing).toHaveLength(2);
  });

  test('a replica that has no node is a finding, with why, and with the request that mends it', async () => {
    const name = await index({ number_of_replicas: 1 });
    const [finding, ...more] = await found(name);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      subject: 'shards',
      isSevere: false,
      what: expect.stringMatching(
        /1 copy of its shards is missing \(INDEX_CREATED: .*has the shard already\)$/,
      ) as string,
      command: setting(name, 'index.number_of_replicas', 0),
    });
    await mend(client, finding!.command, signal);
    expect(await found(name)).toEqual([]);
  });

  test('replicas that are missing for different reasons are one finding, mended by one request', async () => {
    const [one, other] = [await index({ number_of_replicas: 1 }), await index({ number_of_replicas: 0 })];
    const body = { 'index.number_of_replicas': 1 };
    await client.json({ method: 'PUT', path: `/${other}/_settings`, body }, signal);
    const both = `${one},${other}`;
    const at = () => readFacts(client, both, signal);
    expect((await at()).indices.map(({ unassigned }) => unassigned[0]?.reason)).toEqual([
      'INDEX_CREATED',
      'REPLICA_ADDED',
    ]);
    const shards = findings(await at()).filter(({ subject }) => subject === 'shards');
    expect(shards).toMatchObject([
      {
        what: expect.stringMatching(`^${one}, ${other}, each: 1 copy of its shards is missing`) as string,
        command: setting(both, 'index.number_of_replicas', 0),
      },
    ]);
    await mend(client, shards[0]!.command, signal);
    expect(findings(await at()).filter(({ subject }) => subject === 'shards')).toEqual([]);
  });

  test.each(['reindex', 'rollback'])(
    'the index that a %s has set aside may take no writes, and the other one must',
    async (done) => {
      const old = await index({ number_of_replicas: 0 });
      const mark = { source: { name: old }, swapped: { at: 0, seqNos: [-1] } };
      const made = await index({ number_of_replicas: 0 }, 0, { _meta: { [markKey]: mark } });
      const live = done === 'reindex' ? made : old;
      const add = { index: live, alias: `${live}-alias` };
      await client.json({ method: 'POST', path: '/_aliases', body: { actions: [{ add }] } }, signal);
      const body = { 'index.blocks.write': true };
      await client.json({ method: 'PUT', path: `/${old},${made}/_settings`, body }, signal);
      const blocks = findings(await readFacts(client, `${old},${made}`, signal));
      expect(blocks.filter(({ subject }) => subject === 'blocks')).toMatchObject([
        { command: setting(live, 'index.blocks.write', null) },
      ]);
    },
  );

  test.each(['read_only_allow_delete', 'write', 'read_only'])(
    'a block %s is a finding until it is lifted',
    async (block) => {
      const name = await index({ number_of_replicas: 0 });
      const body = { [`index.blocks.${block}`]: true };
      await client.json({ method: 'PUT', path: `/${name}/_settings`, body }, signal);
      const [finding, ...more] = await found(name);
      expect(more).toEqual([]);
      expect(finding).toMatchObject({
        subject: 'blocks',
        isSevere: true,
        command: setting(name, `index.blocks.${block}`, null),
      });
      await mend(client, finding!.command, signal);
      expect(await found(name)).toEqual([]);
    },
  );

  test('a refresh that is switched off is a finding', async () => {
    const name = await index({ number_of_replicas: 0, refresh_interval: '-1' });
    const [finding, ...more] = await found(name);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      subject: 'leftovers',
      command: setting(name, 'index.refresh_interval', null),
    });
    await mend(client, finding!.command, signal);
    expect(await found(name)).toEqual([]);
  });

  test('an alias that takes no writes is a finding', async () => {
    const [one, other] = [await index({ number_of_replicas: 0 }), await index({ number_of_replicas: 0 })];
    const alias = `${prefix}both`;
    const body = { actions: [one, other].map((of) => ({ add: { index: of, alias } })) };
    await client.json({ method: 'POST', path: '/_aliases', body }, signal);
    const [finding, ...more] = await found(alias);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ subject: 'aliases' });
    await mend(client, finding!.command, signal);
    expect(await found(alias)).toEqual([]);
  });

  test('a closed index is said to be closed', async () => {
    const name = await index({ number_of_replicas: 0 });
    await client.bytes({ method: 'POST', path: `/${name}/_close` }, signal);
    expect((await readFacts(client, name, signal)).indices).toMatchObject([{ name, isClosed: true }]);
  });

  test('a name that there is nothing of is refused', async () => {
    await expect(readFacts(client, `${prefix}nothing`, signal)).rejects.toMatchObject({
      code: 'INDEX_MISSING',
    });
  });
}

/** Does what a finding says. */
async function mend(client: ElasticClient, command: unknown, signal: AbortSignal): Promise<void> {
  const { method, path, body } = command as { method: 'PUT' | 'POST'; path: string; body: object };
  await client.json({ method, path, body }, signal);
}
