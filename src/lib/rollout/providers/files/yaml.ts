/* The package whole, loaded where a file is YAML: bundled, a dynamic import of it directly has no names. */
import * as yaml from 'yaml';

export { yaml };
