/** A row of the table of folders. */
export interface Row {
  /** Paths from the project's root; a folder ends with `/`; `<x>` is any name. */
  files: string[];
  holds: string;
  /** Besides the files of its own row. */
  imports: string[];
  /** Its files do not import each other. */
  apart?: boolean;
}
export const folders: readonly Row[];
/** Why the one file may not import the other. */
export function refusal(importer: string, imported: string): string | undefined;
