import { readCommand } from '../../runtime/command.js';
import { checkDescribedFile, lookUpDescriptions } from '../../runtime/config/check-descriptions.js';
import { InvalidConfiguration } from '../../lib/core/written/problems.js';
import { flag } from '../../runtime/flags.js';
import { counted } from '../../lib/core/units.js';

export const check = readCommand({
  name: 'config check',
  summary: 'check the configuration: every problem with its line and column',
  synonyms: ['validate', 'verify', 'lint'],
  description:
    'Checks the whole file, then looks up the secrets of the environment that is chosen. With -f it checks one ' +
    'description instead, such as that of a rollout or of a load scenario. It connects to nothing; `metrify doctor` does.',
  flags: {
    file: flag.file({
      short: 'f',
      access: 'read',
      help: 'check this description alone: rollout.yaml, load.yaml',
    }),
  },
  examples: [
    { does: 'Check the configuration that is in force here', command: 'metrify config check' },
    { does: 'Check a file before it is deployed', command: 'metrify config check -c new.yaml -e production' },
    { does: 'Check the description of a rollout', command: 'metrify config check -f rollout.yaml' },
  ],
  async read({ file: description }, context) {
    const lookup = {
      env: context.env,
      redactor: context.settingsInput.redactor,
      warn: (message: string) => context.warn(message),
    };
    if (description !== undefined) {
      const { what, path } = await checkDescribedFile(
        description,
        context.cwd,
        await context.descriptions(),
        lookup,
      );
      return { verdict: 'ok', result: { file: path, describes: what } };
    }
    const sections = await context.sections();
    const { file, environments, settings, origins, warnings } = await context.load();
    warnings.forEach((warning) => context.warn(warning));
    const problems = await lookUpDescriptions(sections, settings, lookup);
    if (problems.length > 0) throw new InvalidConfiguration(problems);
    return {
      verdict: 'ok',
      result: {
        file: file ?? null,
        environments,
        environment: settings.environment,
        settings: origins.length,
        references: origins.filter(({ via }) => via !== undefined).length,
      },
    };
  },
  present(result: Checked, printer) {
    if ('describes' in result) return printer.ok(`${result.file} describes ${result.describes}`);
    const { file, environments, environment, settings, references } = result;
    if (file === null) printer.ok('there is no configuration file: variables and defaults only');
    else
      printer.ok(
        `${file}: ${environments.length === 1 ? 'environment' : 'environments'} ${environments.join(', ')}`,
      );
    const lookedUp = references === 0 ? '' : `, ${references} of them looked up by reference`;
    printer.ok(`environment ${environment}: ${counted(settings, 'setting')} in force${lookedUp}`);
  },
});

type Checked =
  | { file: string; describes: string }
  | {
      file: string | null;
      environments: string[];
      environment: string;
      settings: number;
      references: number;
    };
