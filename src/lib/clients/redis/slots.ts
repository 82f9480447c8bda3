import type { ByteString } from '../../core/bytes.js';

export const slotCount = 16_384;

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

/** The part of a key in its first braces, which alone decides its slot; undefined when there is none, or nothing in it. */
export function hashTag(key: ByteString): { start: number; end: number } | undefined {
  const open = key.indexOf('{');
  if (open < 0) return undefined;
  const close = key.indexOf('}', open + 1);
  return close > open + 1 ? { start: open + 1, end: close } : undefined;
}

/** The cluster slot of a key: CRC16 (XMODEM) of the key, or of its hash tag, modulo 16,384. */
export function slotOf(key: ByteString): number {
  const { start, end } = hashTag(key) ?? { start: 0, end: key.length };
  let crc = 0;
  for (let i = start; i < end; i++)
    crc = ((crc << 8) ^ table[((crc >> 8) ^ key.charCodeAt(i)) & 255]!) & 0xffff;
  return crc % slotCount;
}

/** A hash tag for each slot, by trying numbers: about 170,000 of them, a few milliseconds. */
export function tagsOfSlots(): string[] {
  const tags: string[] = [];
  for (let n = 0, found = 0; found < slotCount; n++) {
    const slot = slotOf(`${n}` as ByteString);
    if (tags[slot] !== undefined) continue;
    tags[slot] = String(n);
    found++;
  }
  return tags;
}
