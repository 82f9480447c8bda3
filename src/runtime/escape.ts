import { controls } from '../lib/core/controls.js';

/** One line of text, its controls visible: `\x1b`, `\u202e`, `\n`, `\t`. */
export function escapeLine(text: string): string {
  return text.replace(controls, visible);
}

/** The same of text whose line breaks and tabs are its layout. */
export function escapeBlock(text: string): string {
  return text.replace(controls, (control) =>
    control === '\n' || control === '\t' ? control : visible(control),
  );
}

/** The value as one line of JSON, with `\u…` for every control: DEL, C1 and bidirectional ones too. */
export function toJson(value: unknown): string {
  const json = JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'bigint' ? item.toString() : item,
  );
  return json.replace(controls, (control) => `\\u${hex(control, 4)}`);
}

function visible(control: string): string {
  if (control === '\n') return String.raw`\n`;
  if (control === '\t') return String.raw`\t`;
  return control <= '\xff' ? `\\x${hex(control, 2)}` : `\\u${hex(control, 4)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
