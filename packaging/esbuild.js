/* What every bundle of src/ has in common. */
import { readdirSync, readFileSync } from 'node:fs';

export const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

/** Each file of src/library/ is an entry point of the npm package: `metrify/NAME`. */
export const libraryEntries = readdirSync('src/library').map((file) => `src/library/${file}`);

export const bundle = {
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  define: { METRIFY_VERSION: JSON.stringify(manifest.version) },
  logLevel: 'warning',
  metafile: true,
};
