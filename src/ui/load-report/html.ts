import { escapeLine } from '../../runtime/escape.js';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Markup that is safe to print: made by `html` only. */
export class Html {
  readonly #markup: string;

  private constructor(markup: string) {
    this.#markup = markup;
  }

  /** Of markup that holds nothing from outside of this program. */
  static trusted(markup: string): Html {
    return new Html(markup);
  }

  toString(): string {
    return this.#markup;
  }
}

type Content = Html | string | number | undefined | readonly Content[];

/** A template whose values are text, with every control character visible, unless they are markup themselves. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  const markup = strings.reduce((before, part, i) => before + markupOf(values[i - 1]) + part);
  return Html.trusted(markup);
}

function markupOf(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Html) return content.toString();
  if (typeof content === 'object') return content.map(markupOf).join('');
  return escapeLine(String(content)).replace(/[&<>"']/g, (character) => entities[character]!);
}

/** A script or a style of this program, byte for byte: the page's policy knows it by its hash. */
export function programElement(name: 'script' | 'style', text: string): Html {
  return Html.trusted(`<${name}>${text}</${name}>`);
}

/** Data that a script reads: nothing in it ends the element, or begins another one. */
export function dataElement(id: string, data: unknown): Html {
  const json = JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return html`<script type="application/json" id="${id}">
    ${Html.trusted(json)}
  </script>`;
}
