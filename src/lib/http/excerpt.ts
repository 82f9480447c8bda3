import { maskSecrets } from '../core/secrets/mask.js';

/**
 * Text of a server as part of a message: on one line, without control characters, passwords masked, and at most
 * `maxLength` characters of it.
 */
export function excerpt(text: string, maxLength = 500): string {
  // Masked before it is cut: half a URL is not recognised as one.
  const line = maskSecrets(text.slice(0, 64 * 1024))
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim();
  const characters = Array.from(line.slice(0, 2 * maxLength + 2));
  return characters.length > maxLength ? `${characters.slice(0, maxLength).join('')}…` : line;
}
