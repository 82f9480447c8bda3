import * as z from 'zod/mini';
import { describe, expect, it } from 'vitest';

import { sections } from '../../../src/commands/sections.js';
import { required } from '../../../src/lib/core/schema/required.js';
import { section } from '../../../src/lib/core/schema/section.js';
import { duration, url } from '../../../src/lib/core/schema/setting.js';
import { Redactor } from '../../../src/lib/core/secrets/redactor.js';
import { loadSettings } from '../../../src/runtime/config/load.js';

describe('a system with a setting that has a default', () => {
  const schema = z.pipe(
    z.strictObject({
      url: z.optional(url(['http'], (text) => new URL(text), { help: 'its URL', address: true })),
      patience: z.prefault(duration({ help: 'how long it is waited for', default: '2s' }), '2s'),
    }),
    z.transform(({ url: at, ...more }) => (at === undefined ? undefined : { url: at, ...more })),
  );
  const beacon = section({ key: 'beacon', system: 'Beacon', schema });
  const loadBeacon = (env: Record<string, string>) =>
    loadSettings([...sections, beacon], {
      overrides: {},
      env,
      cwd: '/nonexistent',
      uid: undefined,
      home: '/nonexistent',
      redactor: new Redactor(),
    });
  const beaconOf = (settings: object) => (settings as { beacon?: { url: string; patience: number } }).beacon;

  it('is not configured by its default', async () => {
    const { settings, origins } = await loadBeacon({});
    expect(beaconOf(settings)).toBeUndefined();
    expect(origins.filter(({ path }) => path.startsWith('beacon'))).toEqual([]);
    expect(() => required(beacon, settings as never, '--look')).toThrow(
      expect.objectContaining({
        code: 'NOT_CONFIGURED',
        message: '--look needs Beacon, and none is configured',
        hint: expect.stringContaining('METRIFY_BEACON_URL') as string,
      }),
    );
  });

  it('has its default where its address is given', async () => {
    const { settings } = await loadBeacon({ METRIFY_BEACON_URL: 'http://127.0.0.1:1' });
    expect(beaconOf(settings)).toEqual({ url: 'http://127.0.0.1:1', patience: 2000 });
    expect(required(beacon, settings as never, '--look')).toBe(beaconOf(settings));
  });
});
