import type { Weights } from '../../route.js';

/** What a configuration file says of the pair. */
export interface WeightedFile {
  readonly weights: Weights;
  /** The same file with other weights; every byte that does not say them stays. */
  withWeights(weights: Weights): Buffer;
}

/** Finds the pair's weights in a file's content. @throws UserError with what to add when they are not there */
export type WeightFormat = (content: Buffer) => WeightedFile;

/** Two decimals are what every format can say. */
export function weightsOf(share: number): Weights {
  const canary = Math.round(share * 10_000) / 100;
  return { stable: Math.round((100 - canary) * 100) / 100, canary };
}

export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Edits must not overlap; the same one may be there twice. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const at = new Map(edits.map((edit) => [edit.start, edit]));
  return [...at.values()]
    .sort((a, b) => b.start - a.start)
    .reduce((edited, { start, end, text: by }) => edited.slice(0, start) + by + edited.slice(end), text);
}
