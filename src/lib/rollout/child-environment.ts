/** Which configuration and environment a metrify that is run by a child uses: no secrets. */
const kept = new Set(['METRIFY_CONFIG', 'METRIFY_ENV']);

/** The environment for a program that is not metrify: metrify's variables hold passwords and tokens. */
export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('METRIFY_') || kept.has(name)),
  );
}
