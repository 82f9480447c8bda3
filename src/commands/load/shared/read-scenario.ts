import {
  type PortableScenario,
  readPortable as readPortableFile,
  type ReadScenario,
  readScenario as readScenarioFile,
  type Surroundings,
} from '../../../lib/load/scenario/read.js';
import type { Context } from '../../../runtime/context.js';

/** The scenario in a file, with all that it needs. @throws as that of `lib` */
export async function readScenario(name: string, context: Context): Promise<ReadScenario> {
  return readScenarioFile(name, surroundings(context));
}

/** The same, but for its secrets. @throws as `readScenario` */
export async function readPortable(name: string, context: Context): Promise<PortableScenario> {
  return readPortableFile(name, surroundings(context));
}

function surroundings(context: Context): Surroundings {
  const { cwd, env, signal, files, settingsInput } = context;
  const warn = (message: string) => context.warn(message);
  return { cwd, env, signal, files, redactor: settingsInput.redactor, warn };
}
