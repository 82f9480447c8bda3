import type { Type } from './type.js';

/**
 * A type as a person reads it: `decimal(9, 2)`, `list<text>`, `struct<months: int32>`. `parseTypeName` reads it again. A field of a
 * record whose name is not a word is quoted as SQL does it.
 */
export function typeName(type: Type): string {
  if (type.storage === 'list') return `list<${typeName(type.element)}>`;
  if (type.storage === 'struct')
    return `struct<${type.fields.map((field) => `${fieldName(field.name)}: ${typeName(field.type)}`).join(', ')}>`;
  const { storage, meaning } = type;
  switch (meaning.kind) {
    case 'plain':
      return storage === 'fixed' ? `fixed(${type.width})` : storage;
    case 'integer':
      return `int${meaning.bits}`;
    case 'timestamp':
      return meaning.isInstant ? 'timestamp (UTC)' : 'timestamp';
    case 'timestamp96':
      return meaning.isInstant ? 'timestamp (UTC, INT96)' : 'timestamp (INT96)';
    case 'decimal':
      return `decimal(${meaning.precision}, ${meaning.scale})`;
    case 'text':
    case 'json':
    case 'date':
    case 'time':
    case 'uuid':
      return meaning.kind;
  }
}

function fieldName(name: string): string {
  return /^[\p{L}\p{N}_]+$/u.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
