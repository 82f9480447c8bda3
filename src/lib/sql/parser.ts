import { setFlagsFromString } from 'node:v8';

/** PostgreSQL's own parser, and what prints its trees. */
export async function loadParser() {
  // Compiled beside the main thread, it makes that wait for some 100 ms later on: most of what a small query takes.
  setFlagsFromString('--no-wasm-async-compilation');
  try {
    const [{ loadModule, parse }, { deparse }] = await Promise.all([
      import('libpg-query'),
      import('pgsql-deparser'),
    ]);
    await loadModule();
    return { parse, deparse };
  } finally {
    setFlagsFromString('--wasm-async-compilation');
  }
}
