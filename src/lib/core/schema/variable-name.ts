/** The environment variable of a setting: `redis.tlsVerify` as METRIFY_REDIS_TLS_VERIFY. */
export function variableName(path: string): string {
  return `METRIFY_${path
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .replaceAll('.', '_')
    .toUpperCase()}`;
}
