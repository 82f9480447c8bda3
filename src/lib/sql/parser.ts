import { setFlagsFromString } from 'node:v8';

/** PostgreSQL's own parser, and what prints its trees. */
export async function loadParser() {
  // Compiled beside the main thread, it makes that wait for some 100 ms later on: most of what a small query takes. And it is
  // used for milliseconds: its optimization, in other threads, would take a quarter of a second from what is done meanwhile.
  for (const flag of ['--no-wasm-async-compilation', '--liftoff-only']) setFlagsFromString(flag);
  try {
    const [{ loadModule, parse }, { default: printer }] = await Promise.all([
      import('libpg-query'),
      import('pgsql-deparser'),
    ]);
    await loadModule();
    return { parse, deparse: printer.deparse };
  } finally {
    for (const flag of ['--wasm-async-compilation', '--no-liftoff-only']) setFlagsFromString(flag);
  }
}
