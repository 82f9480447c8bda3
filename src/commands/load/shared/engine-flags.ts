import { generateWithAutocannon } from '../../../lib/load/autocannon.js';
import { UserError } from '../../../lib/core/errors.js';
import { flag, flagName, type Flags, type FlagValues } from '../../../runtime/flags.js';
import type { Sending } from './conclude.js';
import { isUrl } from './open-test.js';

export const engineFlags = {
  engine: flag.choice(['native', 'autocannon'], {
    help: 'what generates the load: metrify itself, or autocannon for a closed loop of one URL',
    default: 'native',
  }),
};

/** What autocannon can do. Every other flag would be passed over without a word. */
const autocannonFlags = ['engine', 'connections', 'duration', 'requestTimeout', 'threshold'];

/** @param flags of the verb, with `engineFlags` @throws UserError of a flag that the engine does not have */
export function generatorOf(
  input: FlagValues<typeof engineFlags> & Readonly<Record<string, unknown>> & { readonly test: string },
  flags: Flags,
): Sending['generator'] {
  if (input.engine === 'native') return undefined;
  if (!isUrl(input.test))
    throw new UserError('--engine autocannon runs no scenarios', {
      hint: 'Give a URL and --connections, or leave --engine out.',
    });
  const given = Object.entries(flags).filter(
    ([key, { initial }]) => JSON.stringify(input[key]) !== JSON.stringify(initial),
  );
  const unknown = given.find(([key]) => !autocannonFlags.includes(key));
  if (unknown)
    throw new UserError(`--engine autocannon has no ${flagName(unknown[0])}`, {
      hint: `Leave one of the two out. It has ${autocannonFlags.slice(1).map(flagName).join(', ')}.`,
    });
  return generateWithAutocannon;
}
