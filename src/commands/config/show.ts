import { readCommand } from '../../runtime/command.js';

export const show = readCommand({
  name: 'config show',
  summary: 'print the settings in force and where each came from, secrets masked',
  synonyms: ['ls', 'list', 'get', 'print', 'view'],
  flags: {},
  examples: [
    { does: 'See what is in force here', command: 'metrify config show' },
    { does: 'See what another environment would use', command: 'metrify config show -e staging' },
  ],
  items: 'settings',
  async read(_input, context) {
    const { file, settings, origins, warnings } = await context.load();
    warnings.forEach((warning) => context.warn(warning));
    return {
      verdict: 'ok',
      result: { file: file ?? null, environment: settings.environment, settings: origins },
    };
  },
  present({ file, environment, settings }, printer) {
    printer.heading(`${file ?? 'no configuration file'}, environment ${environment}`);
    printer.table({
      columns: [{ title: 'setting' }, { title: 'value' }, { title: 'from' }],
      rows: settings.map(({ path, value, from, via }) => [
        path,
        value,
        via === undefined ? from : `${from} (${via})`,
      ]),
    });
  },
});
