import { expect, test } from 'vitest';

import { slotOf } from '../../../src/lib/clients/redis/slots.js';
import { Probe } from '../../e2e/cache/redis-probe.js';
import { needs } from '../../servers/needs.js';
import { ownRedisCluster } from '../../servers/shared.js';
import type { ByteString } from '../../../src/lib/core/bytes.js';

needs('redis')('the slot of a key', () => {
  test('is the one that Redis computes, with hash tags of every shape', async () => {
    const { urls } = await ownRedisCluster();
    const alphabet = ['{', '}', '{}', 'a', 'meter:', '\xff', '\x00', '7', 'ä', '\r\n'];
    const keys = ['', '{}', '{}a', 'a{', 'a}b{c}', '{a}{b}', '{{a}}', '{a', '}{', 'a{}{b}'];
    let state = 17;
    for (let i = 0; i < 4000; i++) {
      let key = '';
      for (let length = (state >>> 8) % 9; length > 0; length--) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        key += alphabet[(state >>> 10) % alphabet.length]!;
      }
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      keys.push(key);
    }
    const answers = await Probe.with(Number(new URL(urls[0]!).port), 0, (probe) =>
      probe.askAll(keys.map((key) => ['CLUSTER', 'KEYSLOT', key])),
    );
    expect(keys.map((key) => slotOf(key as ByteString))).toEqual(answers);
    expect(new Set(answers).size).toBeGreaterThan(1000);
  });
});
