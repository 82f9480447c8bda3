import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { Bench } from './bench.js';

/** One hour, as both sides send it. */
export const ttlSeconds = 3600;

/** The latest reading of meter `n`: what a platform caches by the million. */
function cellsOf(n: number): readonly string[] {
  const minute = String(n % 60).padStart(2, '0');
  return [String(100_000 + n), `2026-01-17T09:${minute}:00Z`, ((n * 7919) % 5000) / 1000 + '', 'kWh'];
}

const columns = ['meter_id', 'ts', 'value', 'unit'];

/** A CSV of `count` readings. */
export function writeCsv(bench: Bench, name: string, count: number): Promise<string> {
  return write(bench, name, `${columns.join(',')}\n`, count, (n) => `${cellsOf(n).join(',')}\n`);
}

/** What `cache warm --file CSV --key '<prefix>:{meter_id}:latest' --ttl 1h` sends for those readings, ready to be sent. */
export function writeCommands(bench: Bench, name: string, count: number, prefix: string): Promise<string> {
  return write(bench, name, '', count, (n) => {
    const cells = cellsOf(n);
    const value = `{${columns.map((column, i) => `"${column}":"${cells[i]!}"`).join(',')}}`;
    return command('SET', `${prefix}:${cells[0]!}:latest`, value, 'EX', String(ttlSeconds));
  });
}

function command(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

async function write(
  bench: Bench,
  name: string,
  head: string,
  count: number,
  line: (n: number) => string,
): Promise<string> {
  const path = join(bench.directory, name);
  const blocks = function* (): Generator<string> {
    let block = head;
    for (let n = 0; n < count; n++) {
      block += line(n);
      if (block.length < 1 << 18) continue;
      yield block;
      block = '';
    }
    yield block;
  };
  await pipeline(Readable.from(blocks()), createWriteStream(path, 'latin1'), { signal: bench.signal });
  return path;
}
