import { flag, type Flags } from '../../../runtime/flags.js';

/** Where rows come from: one of `--sql`, `--file` and `--stdin`. */
export const sourceFlags = {
  sql: flag.textOrFile({
    placeholder: 'SQL|@FILE',
    help: 'rows of one SELECT from PostgreSQL, run READ ONLY',
  }),
  file: flag.file({ access: 'read', help: 'rows of a CSV or JSON lines file' }),
  stdin: flag.boolean('rows from standard input'),
  resumeColumn: flag.text({
    placeholder: 'COLUMN',
    help: 'unique column by which --sql is sorted and resumed',
  }),
} satisfies Flags;
