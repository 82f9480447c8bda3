import type { Watermark } from './facts.js';

/**
 * `85%`, `0.85` or `500mb`; and `200GB`, which a share never asks to be free beyond.
 * @see https://www.elastic.co/docs/reference/elasticsearch/configuration-reference/cluster-level-shard-allocation-routing-settings
 */
export function readWatermark(text: string, headroom: string | undefined): Watermark {
  const share = /^([\d.]+)%$/.exec(text)?.[1];
  const ratio = share === undefined ? Number(text) : Number(share) / 100;
  if (Number.isNaN(ratio)) return { freeBytes: sizeOf(text) };
  const limit = headroom === undefined || headroom === '-1' ? Infinity : sizeOf(headroom);
  return { usedShare: ratio, headroomBytes: limit };
}

/** The server's units are powers of 1024, whatever their case. */
function sizeOf(text: string): number {
  const [, digits, unit] = /^([\d.]+)\s*([kmgtp]?)b?$/i.exec(text.trim()) ?? [];
  return Math.round(Number(digits) * 1024 ** ['', 'k', 'm', 'g', 't', 'p'].indexOf(unit!.toLowerCase()));
}

/** Bytes that must be free on a disk of that size. */
export function neededBytes(watermark: Watermark, totalBytes: number): number {
  if ('freeBytes' in watermark) return watermark.freeBytes;
  return Math.min(totalBytes * (1 - watermark.usedShare), watermark.headroomBytes);
}
