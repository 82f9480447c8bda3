import type { Field, Type } from '../type.js';
import type { Convert } from './conversions.js';
import type { SchemaElement } from './footer.js';
import { leafType, widthOf } from './leaf-type.js';
import { ParquetMalformed } from './malformed.js';
import type { PageShape } from './page-reader.js';
import { structIn } from './thrift-reader.js';

/** A node on the way from a field of the schema to a leaf, itself among them. */
export interface Step {
  readonly kind: 'list' | 'struct' | 'leaf';
  /** An entry has a value there from this definition level on. */
  readonly presentAt: number;
  /** Of a list: an entry has an element from this definition level on, and begins one where it repeats at this level. */
  readonly elementAt: number;
  readonly repetition: number;
  /** Of a struct: which of its fields is next. */
  readonly part: number;
  /** Whether no leaf before goes this way too. */
  readonly isFirst: boolean;
}

export interface FileLeaf {
  readonly shape: PageShape;
  readonly convert: Convert | undefined;
  readonly steps: readonly Step[];
  /** Which chunk of a row group is its. */
  readonly index: number;
}

/** A column of a file. */
export interface FileField extends Field {
  readonly leaves: readonly FileLeaf[];
}

const deepest = 32;
const repeated = 2;

/** @throws ParquetMalformed, ParquetUnsupported */
export function fileSchema(elements: readonly SchemaElement[]): FileField[] {
  const [root, ...rest] = elements;
  if (!root || root.children === 0) throw new ParquetMalformed('it has no columns');
  const builder = new Builder(rest);
  const fields = Array.from({ length: Math.min(root.children, rest.length) }, () => builder.field());
  if (!builder.isAtEnd || fields.length !== root.children)
    throw new ParquetMalformed('its columns are not as many as it says');
  return fields;
}

/** Levels and steps down to a node. */
interface Way {
  readonly definition: number;
  readonly repetition: number;
  readonly steps: readonly Step[];
}

class Builder {
  #next = 0;
  #leaves: FileLeaf[] = [];
  #leafCount = 0;

  constructor(readonly elements: readonly SchemaElement[]) {}

  get isAtEnd(): boolean {
    return this.#next === this.elements.length;
  }

  field(): FileField {
    this.#leaves = [];
    const element = this.#take();
    const type = this.#node(element, { definition: 0, repetition: 0, steps: [] });
    return { name: element.name, type, leaves: this.#leaves };
  }

  #take(): SchemaElement {
    const element = this.elements[this.#next++];
    if (!element) throw new ParquetMalformed('its columns are not as many as it says');
    return element;
  }

  #node(element: SchemaElement, way: Way): Type {
    if (way.steps.length > deepest) throw new ParquetMalformed('its columns are nested too deeply');
    // Alone, what repeats is a list that is never null.
    if (element.repetition === repeated)
      return this.#list(way, way.definition, (inner) => this.#content(element, inner));
    const definition = way.definition + (element.repetition === 0 ? 0 : 1);
    const within: Way = { ...way, definition };
    return isList(element) ? this.#annotatedList(element, within) : this.#content(element, within);
  }

  /** Of a list that says so, whose only child repeats. */
  #annotatedList(list: SchemaElement, way: Way): Type {
    const child = this.elements[this.#next];
    if (list.children !== 1 || child?.repetition !== repeated)
      throw new ParquetMalformed(`the list '${list.name}' is not one`);
    this.#next++;
    return this.#list(way, way.definition, (inner) => {
      const isGroup = this.elements[this.#next]?.repetition === repeated;
      if (isElement(child, list) || isGroup) return this.#content(child, inner);
      return this.#node(this.#take(), inner);
    });
  }

  #list(way: Way, presentAt: number, element: (inner: Way) => Type): Type {
    const repetition = way.repetition + 1;
    const elementAt = way.definition + 1;
    const step: Step = { kind: 'list', presentAt, elementAt, repetition, part: 0, isFirst: true };
    return {
      storage: 'list',
      element: this.#after(way.steps, step, (steps) => element({ definition: elementAt, repetition, steps })),
    };
  }

  /** A node that is there once or not at all, whose definition level the way has. */
  #content(element: SchemaElement, way: Way): Type {
    if (element.physical !== undefined && element.children === 0) return this.#leaf(element, way);
    if (element.children === 0) throw new ParquetMalformed(`the group '${element.name}' is empty`);
    if (element.children > this.elements.length - this.#next)
      throw new ParquetMalformed('its columns are not as many as it says');
    const fields = Array.from({ length: element.children }, (_, part): Field => {
      const child = this.#take();
      const step: Step = {
        kind: 'struct',
        presentAt: way.definition,
        elementAt: 0,
        repetition: 0,
        part,
        isFirst: part === 0,
      };
      const type = this.#after(way.steps, step, (steps) => this.#node(child, { ...way, steps }));
      return { name: child.name, type };
    });
    return { storage: 'struct', fields };
  }

  /** Steps before are the first leaf's only. */
  #after<T>(steps: readonly Step[], step: Step, make: (steps: readonly Step[]) => T): T {
    const isFirst = step.isFirst;
    const before = isFirst ? steps : steps.map((each) => ({ ...each, isFirst: false }));
    return make([...before, { ...step, isFirst }]);
  }

  #leaf(element: SchemaElement, { definition, repetition, steps }: Way): Type {
    const { type, convert } = leafType(element);
    const shape = {
      physical: element.physical!,
      width: widthOf(element),
      maxDefinition: definition,
      maxRepetition: repetition,
    };
    const step: Step = {
      kind: 'leaf',
      presentAt: definition,
      elementAt: 0,
      repetition: 0,
      part: 0,
      isFirst: true,
    };
    this.#leaves.push({ shape, convert, steps: [...steps, step], index: this.#leafCount++ });
    return type;
  }
}

/** Numbers of parquet.thrift. */
const convertedTypes = { map: 1, mapKeyValue: 2, list: 3 } as const;
const logicalTypes = { map: 2, list: 3 } as const;

function isList({ converted, logical, children }: SchemaElement): boolean {
  if (children === 0) return false;
  if (logical && (structIn(logical, logicalTypes.list) || structIn(logical, logicalTypes.map))) return true;
  return (Object.values(convertedTypes) as (number | undefined)[]).includes(converted);
}

/**
 * Whether what repeats in a list is its element, and not a group around that.
 * https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#backward-compatibility-rules
 */
function isElement(child: SchemaElement, list: SchemaElement): boolean {
  return child.children !== 1 || child.name === 'array' || child.name === `${list.name}_tuple`;
}
