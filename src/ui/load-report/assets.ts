import { readFile } from 'node:fs/promises';

/** What the page holds beside its content: made from `browser/` by the build, with uplot and its license. */
export interface Assets {
  readonly script: string;
  readonly style: string;
}

export async function readAssets(): Promise<Assets> {
  const [dist] = /^.*\/dist\//.exec(import.meta.url) ?? [];
  if (dist === undefined) throw new Error('reports are written by the built package');
  const [script, style] = await Promise.all(
    ['js', 'css'].map((kind) => readFile(new URL(`ui/load-report.${kind}`, dist), 'utf8')),
  );
  return { script: script!, style: style! };
}
