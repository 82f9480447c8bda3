import type { ByteString } from '../../core/bytes.js';

export const slotCount = 16_384;

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

/** The cluster slot of a key: CRC16 (XMODEM) of the key, or of its hash tag, modulo 16,384. */
export function slotOf(key: ByteString): number {
  let start = 0;
  let end = key.length;
  const open = key.indexOf('{');
  if (open >= 0) {
    const close = key.indexOf('}', open + 1);
    if (close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  let crc = 0;
  for (let i = start; i < end; i++)
    crc = ((crc << 8) ^ table[((crc >> 8) ^ key.charCodeAt(i)) & 255]!) & 0xffff;
  return crc % slotCount;
}
