import { expect, it } from 'vitest';

import { parseAddress } from '../../../src/lib/clients/memcached/address.js';
import { createRing, type Hashing } from '../../../src/lib/clients/memcached/ketama.js';
import { toBytes } from '../../../src/lib/core/bytes.js';

/*
 * Where libmemcached 1.0.16 (pylibmc 1.6.3 with behaviors `ketama`, and `ketama` with `ketama_weighted`) put the keys
 * meter:0:latest … meter:39:latest, a, b, zähler and report:2024, looked up on the servers themselves.
 */
const servers = ['127.0.0.1:21311', '127.0.0.1:21312', '127.0.0.2', 'localhost:21313'].map(parseAddress);
const keys = [
  ...Array.from({ length: 40 }, (_, i) => `meter:${i}:latest`),
  'a',
  'b',
  'zähler',
  'report:2024',
];
const golden: Record<Hashing, string> = {
  ketama: '00203322323201223311230112211103333320003000',
  'ketama-weighted': '10232313103132022301123303103020001113313202',
};

it.each(Object.entries(golden))('%s agrees with libmemcached', (hashing, owners) => {
  const ring = createRing(servers, hashing as Hashing);
  expect(keys.map((key) => ring(toBytes(key))).join('')).toBe(owners);
});

it.each([2, 3, 7, 20])('moves few keys when one of %i servers goes', (count) => {
  const all = Array.from({ length: count }, (_, i) => parseAddress(`10.0.0.${i}:11211`));
  const before = createRing(all);
  const after = createRing(all.slice(0, -1));
  const sample = Array.from({ length: 2000 }, (_, i) => `k${i}`);
  const moved = sample.filter(
    (key) => before(toBytes(key)) !== count - 1 && before(toBytes(key)) !== after(toBytes(key)),
  );
  expect(moved).toEqual([]);
});

it.each(['a b', 'h:0', 'h:70000', 'h:x', '::1', ''])("refuses the address '%s'", (text) => {
  expect(() => parseAddress(text)).toThrow(/not the address/);
});

it('reads host names, IPv6 and sockets', () => {
  expect(parseAddress('cache')).toEqual({ host: 'cache', port: 11211, label: 'cache:11211' });
  expect(parseAddress('[::1]:1')).toEqual({ host: '::1', port: 1, label: '[::1]:1' });
  expect(parseAddress('/run/m.sock')).toEqual({ host: '/run/m.sock', port: 0, label: '/run/m.sock' });
});
